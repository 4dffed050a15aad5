#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstdint>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file_map.h"
#include "base/shown.h"
#include "base/utf8.h"

namespace quandex {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // RFC 8259 lets a parser ignore one

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

[[noreturn]] void refuse_at(std::string_view text, size_t position, std::string_view source,
                            const std::string& message) {
  const std::string_view before = text.substr(0, position);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t line_begin = before.find_last_of('\n') + 1;  // npos + 1 is 0
  const auto starts_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const auto column =
      1 + std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_begin), before.end(), starts_character);
  throw Error(ErrorCode::invalid_file, "{}: line {} column {}: {}", source, line, column, message);
}

// What is wrong at a place of the text, and where exactly.
struct Defect {
  size_t position = 0;
  std::string found;
  std::string expected;
};

std::string byte_name(char c) { return fmt::format("byte 0x{:02X}", static_cast<unsigned char>(c)); }

// The \u escape at `escape`, or nothing where it has not four hexadecimal digits.
std::optional<unsigned> unicode_escape(std::string_view text, size_t escape) {
  if (text.substr(escape, 2) != "\\u" || text.size() - escape < 6) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(escape + 2, 4)) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

// The escape at `position` of a string: nothing and its length, or what is wrong with it.
std::optional<Defect> escape_defect(std::string_view text, size_t position, size_t& length) {
  length = 2;
  if (position + 1 == text.size()) return Defect{position + 1, "the end of the text in a string", "a quote"};
  if (text[position + 1] != 'u') {
    if (std::string_view("\"\\/bfnrt").find(text[position + 1]) != std::string_view::npos) return std::nullopt;
    return Defect{position, fmt::format("the escape '{}'", shown(text.substr(position, 2))),
                  "one that JSON has (\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX)"};
  }
  const auto value = unicode_escape(text, position);
  if (!value) return Defect{position, "\\u without four hexadecimal digits", "\\uXXXX"};
  length = 6;
  if (*value < 0xD800 || *value > 0xDFFF) return std::nullopt;
  const auto low = *value < 0xDC00 ? unicode_escape(text, position + 6) : std::nullopt;
  if (!low || *low < 0xDC00 || *low > 0xDFFF) {
    return Defect{position, fmt::format("the lone surrogate \\u{:04X}", *value), "a pair of surrogates"};
  }
  length = 12;
  return std::nullopt;
}

// What is wrong with the string whose opening quote is at `quote`.
std::optional<Defect> string_defect(std::string_view text, size_t quote) {
  size_t i = quote + 1;
  while (i < text.size() && text[i] != '"') {
    size_t length = 1;
    if (static_cast<unsigned char>(text[i]) < 0x20) {
      return Defect{i, fmt::format("{} in a string", byte_name(text[i])), "control characters written as escapes"};
    }
    if (text[i] == '\\') {
      if (auto defect = escape_defect(text, i, length)) return defect;
    } else {
      const DecodedCodepoint character = decode_utf8(text.substr(i));
      if (!character.is_valid) return Defect{i, fmt::format("{} in a string", byte_name(text[i])), "valid UTF-8"};
      length = static_cast<size_t>(character.n_bytes);
    }
    i += length;
  }
  if (i >= text.size()) return Defect{text.size(), "the end of the text in a string", "a quote"};
  return std::nullopt;
}

// The token at `position`, named for a message.
std::string token_name(std::string_view text, size_t position) {
  if (position >= text.size()) return "the end of the text";
  const std::string_view rest = text.substr(position);
  const char c = rest[0];
  if (c == '"') return "a string";
  const auto in_word = [](char other) { return is_letter(other) || is_digit(other) || other == '_'; };
  const auto in_number = [&](char other) { return in_word(other) || other == '+' || other == '-' || other == '.'; };
  const bool is_number = is_digit(c) || c == '-' || c == '+' || c == '.';
  if (is_number || in_word(c)) {
    const auto end = is_number ? std::find_if_not(rest.begin(), rest.end(), in_number)
                               : std::find_if_not(rest.begin(), rest.end(), in_word);
    return fmt::format("'{}'", shown({rest.begin(), end}));
  }
  const DecodedCodepoint character = decode_utf8(rest);
  if (!character.is_valid || static_cast<unsigned char>(c) < 0x20) return byte_name(c);
  return fmt::format("'{}'", rest.substr(0, static_cast<size_t>(character.n_bytes)));
}

// Walks the text on behalf of the parser and leaves behind how far it has come, which the events do not say.
class TrackedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  TrackedIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  TrackedIterator operator++(int) {
    TrackedIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const TrackedIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// The keys of one object, to tell whether one is there twice.
class KeySet {
 public:
  explicit KeySet(size_t n_keys) : slots_(std::bit_ceil(n_keys * 2 + 1)) {}

  // Whether the key is new. Once keys collide more often than chance explains every answer is no: look for yourself.
  bool add(const std::string& key) {
    const size_t mask = slots_.size() - 1;
    size_t index = std::hash<std::string_view>()(key) & mask;
    for (; slots_[index] != nullptr; index = (index + 1) & mask)
      if (*slots_[index] == key || ++n_collisions_ > 4 * slots_.size()) return false;
    slots_[index] = &key;
    return true;
  }

 private:
  std::vector<const std::string*> slots_;
  size_t n_collisions_ = 0;
};

// Builds the value from the parser's events; checks depth and duplicate keys on the way. The first pass wants only the
// value. Where it meets a defect, the second one, which counts characters, finds the place and says what is there.
class Builder {
 public:
  Builder(std::string_view text, std::string_view source, const JsonLimits& limits)
      : text_(text), source_(source), limits_(limits), reached_(text.data()) {
    if (text.starts_with(kByteOrderMark)) event_end_ = kByteOrderMark.size();
  }

  Json build() {
    // The library takes a NUL for the end of its input; JSON has no place for one.
    if (const size_t nul = text_.find('\0'); nul != std::string_view::npos) {
      refuse_at(text_, nul, source_, "found byte 0x00, expected text");
    }
    const char* const end = text_.data() + text_.size();
    if (Json::sax_parse(text_.data(), end, this)) return std::move(root_);
    is_tracked_ = true;
    open_.clear();
    members_.clear();
    elements_.clear();
    Json::sax_parse(TrackedIterator(text_.data(), &reached_), TrackedIterator(end, &reached_), this);
    return std::move(root_);
  }

  // The events, named and typed as the library wants them. False ends the first pass.
  bool null() { return scalar(nullptr); }
  bool boolean(bool value) { return scalar(value); }
  bool number_integer(Json::number_integer_t value) { return number(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return number(value); }
  bool number_float(Json::number_float_t value, const std::string& /*text*/) { return number(value); }
  bool string(std::string& value) { return scalar(std::move(value)); }
  bool binary(Json::binary_t& /*value*/) { return false; }  // JSON text has none
  bool start_object(size_t /*n_elements*/) { return open(true); }
  bool start_array(size_t /*n_elements*/) { return open(false); }
  bool end_array() {
    const auto first = elements_.begin() + static_cast<std::ptrdiff_t>(open_.back().first);
    Json::array_t array(std::make_move_iterator(first), std::make_move_iterator(elements_.end()));
    elements_.erase(first, elements_.end());
    return close(std::move(array));
  }
  bool end_object() {
    const std::span<Member> members = std::span(members_).subspan(open_.back().first);
    if (!check_keys(members)) return false;
    Json::object_t object;
    Json::object_t::Container& container = object;
    container.reserve(members.size());
    for (auto& [key, value] : members) container.emplace_back(std::move(key), std::move(value));
    members_.resize(open_.back().first);
    return close(std::move(object));
  }
  bool key(std::string& key) {
    members_.emplace_back(std::move(key), nullptr);
    return after(Event::key);
  }
  bool parse_error(size_t /*position*/, const std::string& /*token*/, const nlohmann::detail::exception& error) {
    if (!is_tracked_) return false;
    constexpr int kNumberOverflow = 406;  // the library's id of it
    Defect defect = find_defect();
    if (error.id == kNumberOverflow) defect.expected = "a number that double precision can hold";
    if (defect.found == "'NaN'" || defect.found.ends_with("Infinity'")) {
      defect.expected = "a finite number, as JSON has no other";
    }
    refuse_at(text_, defect.position, source_, fmt::format("found {}, expected {}", defect.found, defect.expected));
  }

 private:
  enum class Event : uint8_t { none, value, number, key, object_start, array_start };
  using Member = std::pair<std::string, Json>;
  struct Open {
    bool is_object;
    size_t first;  // of its members or elements
  };

  bool after(Event event) {
    if (is_tracked_) event_end_ = position();
    last_event_ = event;
    return true;
  }

  void add(Json value) {
    if (open_.empty())
      root_ = std::move(value);
    else if (open_.back().is_object)
      members_.back().second = std::move(value);
    else
      elements_.push_back(std::move(value));
  }

  bool scalar(Json value) {
    add(std::move(value));
    return after(Event::value);
  }

  bool number(Json value) {
    if (is_tracked_) number_begin_ = skip(event_end_, " \t\r\n,:");
    add(std::move(value));
    return after(Event::number);
  }

  bool open(bool is_object) {
    if (open_.size() >= static_cast<size_t>(limits_.max_depth)) {
      if (!is_tracked_) return false;
      refuse_at(text_, position() - 1, source_,
                fmt::format("found a value {} levels deep, expected at most {}", open_.size() + 1, limits_.max_depth));
    }
    open_.push_back({is_object, is_object ? members_.size() : elements_.size()});
    return after(is_object ? Event::object_start : Event::array_start);
  }

  bool close(Json value) {
    open_.pop_back();
    add(std::move(value));
    return after(Event::value);
  }

  bool check_keys(std::span<const Member> members) {
    KeySet seen(members.size());
    if (std::ranges::all_of(members, [&](const Member& member) { return seen.add(member.first); })) return true;
    std::vector<std::string_view> keys;
    for (const Member& member : members) keys.push_back(member.first);
    std::ranges::sort(keys);
    const auto twice = std::ranges::adjacent_find(keys);
    if (twice == keys.end()) return true;
    if (!is_tracked_) return false;
    refuse_at(text_, position() - 1, source_,
              fmt::format("found the key \"{}\" twice in the object that ends here, expected it once", shown(*twice)));
  }

  size_t position() const { return static_cast<size_t>(reached_ - text_.data()); }
  size_t skip(size_t from, std::string_view characters) const {
    return std::min(text_.find_first_not_of(characters, from), text_.size());
  }
  bool has(size_t at, char c) const { return at < text_.size() && text_[at] == c; }

  // The parser reads one character past a number, which may be the defect.
  size_t end_of_number() const {
    const size_t digits = number_begin_ + (text_[number_begin_] == '-' ? 1 : 0);
    if (has(digits, '0') && digits + 1 < text_.size() && is_digit(text_[digits + 1])) return digits + 1;
    size_t end = event_end_;
    while (end > number_begin_ && !is_digit(text_[end - 1])) --end;
    return end;
  }

  // Looks again at what follows the last event: punctuation and then a token that cannot stand there.
  Defect find_defect() const {
    size_t at = skip(last_event_ == Event::number ? end_of_number() : event_end_, " \t\r\n");
    bool may_be_string = true;
    const std::string expected = expect(at, may_be_string);
    if (may_be_string && has(at, '"')) {
      if (auto defect = string_defect(text_, at)) return *defect;
    }
    return {at, token_name(text_, at), expected};
  }

  // What may stand at `at`, which is moved past a comma or colon where that is right.
  std::string expect(size_t& at, bool& may_be_string) const {
    const auto pass = [&](char c) {
      const bool is_there = has(at, c);
      if (is_there) at = skip(at + 1, " \t\r\n");
      return is_there;
    };
    if (last_event_ == Event::none) return "a value";
    if (last_event_ == Event::object_start) return "a key in quotes or '}'";
    if (last_event_ == Event::array_start) return "a value or ']'";
    if (last_event_ == Event::key && pass(':')) return "a value";
    const bool in_object = !open_.empty() && open_.back().is_object;
    if (last_event_ != Event::key && !open_.empty() && pass(',')) return in_object ? "a key in quotes" : "a value";
    may_be_string = false;
    if (last_event_ == Event::key) return "':'";
    if (open_.empty()) return "the end of the text";
    return in_object ? "',' or '}'" : "',' or ']'";
  }

  std::string_view text_;
  std::string_view source_;
  JsonLimits limits_;
  bool is_tracked_ = false;  // in the second pass
  const char* reached_;      // how far that has read
  Json root_;
  std::vector<Open> open_;  // arrays and objects that are not complete
  // What they hold so far. The library's map of ordered keys copies its members when it grows, so arrays and objects
  // are made when their number is known.
  std::vector<Member> members_;
  std::vector<Json> elements_;
  size_t event_end_ = 0;     // how far the parser had read at the last event
  size_t number_begin_ = 0;  // of the last number
  Event last_event_ = Event::none;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view source, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    throw Error(ErrorCode::invalid_file, "{}: found {} bytes of JSON, expected at most {}", source, text.size(),
                limits.max_bytes);
  }
  return Builder(text, source, limits).build();
}

Json read_json_file(const std::filesystem::path& path, const JsonLimits& limits) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string(), limits);
}

}  // namespace quandex
