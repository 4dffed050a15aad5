#include "text/jinja/pretty_print.h"

#include <algorithm>
#include <vector>

#include "text/jinja/markup.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"

namespace quandex::jinja {
namespace {

constexpr int64_t kWidth = 80;

bool is_plain_tuple(const Value& value) { return value.is(Kind::tuple) && !value.as<SequenceObject>().is_group; }
bool is_plain_string(const Value& value) { return value.is_string() && !is_markup(value); }

int64_t width_of(std::string_view text) { return static_cast<int64_t>(count_characters(text)); }

class PrettyPrinter {
 public:
  explicit PrettyPrinter(Runtime& runtime) : runtime_(runtime) {}

  std::string run(const Value& value) {
    write(value, 0, 0, 0);
    return std::move(out_);
  }

 private:
  // Entries by key; keys that have no order between them by the names of their types.
  std::vector<const Dictionary::Entry*> sorted(const Dictionary& dictionary) {
    std::vector<const Dictionary::Entry*> entries;
    for (const auto& entry : dictionary.entries()) entries.push_back(&entry);
    const auto class_name = [](const Value& key) {
      return key.is_none() ? std::string_view("NoneType") : std::string_view(type_name(key));
    };
    std::stable_sort(entries.begin(), entries.end(), [&](const auto* left, const auto* right) {
      const Value& a = left->first;
      const Value& b = right->first;
      runtime_.step(std::min(a.weight(), b.weight()));
      const bool have_order = (a.is_number() && b.is_number()) || (a.is_string() && b.is_string());
      if (have_order) return compare(runtime_, a, b) == Order::less;
      return class_name(a) < class_name(b);
    });
    return entries;
  }

  // repr() with the keys of dicts sorted.
  std::string one_line(const Value& value) {
    const DepthGuard guard(runtime_);
    runtime_.step();
    std::string text;
    const auto append = [&](const std::string& piece) {
      runtime_.expect_room(text.size() + piece.size());
      if (text.size() > 1) text += ", ";
      text += piece;
    };
    if (value.is(Kind::dict)) {
      text = '{';
      for (const auto* entry : sorted(value.as<DictObject>().dictionary)) {
        append(one_line(entry->first) + ": " + one_line(entry->second));
      }
      return text + '}';
    }
    if (value.is(Kind::list) || is_plain_tuple(value)) {
      const bool is_list = value.is(Kind::list);
      text = is_list ? '[' : '(';
      for (const Value& item : value.items()) append(one_line(item));
      if (!is_list && value.items().size() == 1) text += ',';
      return text + (is_list ? ']' : ')');
    }
    return repr(runtime_, value);
  }

  // `allowance`: characters that follow on the last line. `level`: of values around.
  void write(const Value& value, int64_t indentation, int64_t allowance, int level) {
    const DepthGuard guard(runtime_);
    runtime_.step(value.weight());
    const std::string text = one_line(value);
    runtime_.expect_room(out_.size() + text.size());
    if (width_of(text) <= kWidth - indentation - allowance) {
      out_ += text;
    } else if (value.is(Kind::dict)) {
      out_ += '{';
      write_entries(value.as<DictObject>().dictionary, indentation, allowance + 1, level + 1);
      out_ += '}';
    } else if (value.is(Kind::list)) {
      out_ += '[';
      write_items(value.items(), indentation, allowance + 1, level + 1);
      out_ += ']';
    } else if (is_plain_tuple(value)) {
      const std::string_view closing = value.items().size() == 1 ? ",)" : ")";
      out_ += '(';
      write_items(value.items(), indentation, allowance + static_cast<int64_t>(closing.size()), level + 1);
      out_ += closing;
    } else if (is_plain_string(value)) {
      write_string(value, indentation, allowance, level + 1);
    } else {
      out_ += text;
    }
  }

  void break_line(int64_t indentation) {
    runtime_.expect_room(out_.size() + static_cast<size_t>(indentation));
    out_ += '\n';
    out_.append(static_cast<size_t>(indentation), ' ');
  }

  void write_entries(const Dictionary& dictionary, int64_t indentation, int64_t allowance, int level) {
    ++indentation;
    const auto entries = sorted(dictionary);
    for (size_t i = 0; i < entries.size(); ++i) {
      const bool is_last = i + 1 == entries.size();
      const std::string key = one_line(entries[i]->first);
      out_ += key;
      out_ += ": ";
      write(entries[i]->second, indentation + width_of(key) + 2, is_last ? allowance : 1, level);
      if (is_last) break;
      out_ += ',';
      break_line(indentation);
    }
  }

  void write_items(const std::vector<Value>& items, int64_t indentation, int64_t allowance, int level) {
    ++indentation;
    for (size_t i = 0; i < items.size(); ++i) {
      const bool is_last = i + 1 == items.size();
      write(items[i], indentation, is_last ? allowance : 1, level);
      if (is_last) break;
      out_ += ',';
      break_line(indentation);
    }
  }

  std::string string_repr(std::string_view text) { return repr(runtime_, runtime_.string(std::string(text))); }

  // The pieces of a line at the end of its spaces, as few as fit the width, as their repr.
  void split_line(std::string_view line, bool is_last_line, int64_t width, int64_t allowance,
                  std::vector<std::string>& pieces) {
    std::string current;
    for (size_t at = 0; at < line.size();) {
      size_t end = at;
      size_t next = end;
      while (next < line.size() && !is_space(next_character(line, next))) end = next;
      for (next = end; next < line.size() && is_space(next_character(line, next));) end = next;
      const std::string_view part = line.substr(at, end - at);
      at = end;
      const std::string candidate = current + std::string(part);
      if (at == line.size() && is_last_line) width -= allowance;
      if (width_of(string_repr(candidate)) > width) {
        if (!current.empty()) pieces.push_back(string_repr(current));
        current = part;
      } else {
        current = candidate;
      }
    }
    if (!current.empty()) pieces.push_back(string_repr(current));
  }

  void write_string(const Value& value, int64_t indentation, int64_t allowance, int level) {
    if (level == 1) {
      ++indentation;
      ++allowance;
    }
    const auto lines = split_lines(value.text(), true);
    std::vector<std::string> pieces;
    std::string text;
    for (size_t i = 0; i < lines.size(); ++i) {
      const bool is_last = i + 1 == lines.size();
      text = string_repr(lines[i]);
      if (width_of(text) <= kWidth - indentation - (is_last ? allowance : 0)) {
        pieces.push_back(text);
      } else {
        split_line(lines[i], is_last, kWidth - indentation, allowance, pieces);
      }
    }
    if (pieces.size() == 1) {
      out_ += text;
      return;
    }
    if (level == 1) out_ += '(';
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (i > 0) break_line(indentation);
      out_ += pieces[i];
    }
    if (level == 1) out_ += ')';
  }

  Runtime& runtime_;
  std::string out_;
};

}  // namespace

std::string pretty_print(Runtime& runtime, const Value& value) { return PrettyPrinter(runtime).run(value); }

}  // namespace quandex::jinja
