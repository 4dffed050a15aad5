#include "text/jinja/text_search.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace quandex::jinja {

std::optional<TextSpan> text_span(std::string_view text, size_t n_characters, std::optional<int64_t> start,
                                  std::optional<int64_t> end) {
  const auto length = static_cast<int64_t>(n_characters);
  const auto clamp = [&](int64_t at) { return at < 0 ? std::max<int64_t>(0, at < -length ? 0 : at + length) : at; };
  const int64_t first = clamp(start.value_or(0));
  const int64_t last = std::min(length, clamp(end.value_or(length)));
  if (first > last) return std::nullopt;
  TextSpan span;
  span.first = static_cast<size_t>(first);
  span.begin = first == 0 ? 0 : byte_offset(text, span.first);
  span.end = last == length ? text.size() : byte_offset(text, static_cast<size_t>(last));
  return span;
}

namespace {

// Charges the search for a part: the bytes that were looked at, and those of comparisons that went far.
class SearchWork {
 public:
  SearchWork(Runtime& runtime, std::string_view part) : runtime_(runtime), part_(part) {}

  bool matches(const char* at) {
    constexpr size_t kNear = 16;
    constexpr size_t kCandidate = 8;  // bytes that one more comparison is worth
    n_bytes_ += kCandidate;
    if (std::memcmp(at, part_.data(), std::min(kNear, part_.size())) != 0) return false;
    if (part_.size() <= kNear) return true;
    pass(part_.size());
    return std::memcmp(at, part_.data(), part_.size()) == 0;
  }
  void pass(size_t n_bytes) {
    n_bytes_ += n_bytes;
    if (n_bytes_ < 4096) return;
    runtime_.step_over_bytes(std::exchange(n_bytes_, 0));
  }

 private:
  Runtime& runtime_;
  std::string_view part_;
  size_t n_bytes_ = 0;  // not charged yet
};

}  // namespace

size_t find_text(Runtime& runtime, std::string_view text, std::string_view part, size_t from) {
  if (part.empty()) return from <= text.size() ? from : std::string_view::npos;
  if (part.size() > text.size()) return std::string_view::npos;
  SearchWork work(runtime, part);
  const size_t last = text.size() - part.size();
  while (from <= last) {
    const void* const found = std::memchr(text.data() + from, part[0], last - from + 1);
    if (found == nullptr) break;
    const auto at = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    work.pass(at - from);
    if (work.matches(text.data() + at)) return at;
    from = at + 1;
  }
  work.pass(last - std::min(from, last));
  return std::string_view::npos;
}

size_t find_last_text(Runtime& runtime, std::string_view text, std::string_view part) {
  if (part.empty()) return text.size();
  if (part.size() > text.size()) return std::string_view::npos;
  SearchWork work(runtime, part);
  for (size_t at = text.size() - part.size() + 1; at > 0; --at) {
    work.pass(4);  // byte by byte, which is slow
    if (text[at - 1] == part[0] && work.matches(text.data() + at - 1)) return at - 1;
  }
  return std::string_view::npos;
}

size_t count_occurrences(Runtime& runtime, std::string_view text, std::string_view part) {
  if (part.empty()) return count_characters(text) + 1;
  size_t n = 0;
  for (size_t i = 0; (i = find_text(runtime, text, part, i)) != std::string_view::npos; i += part.size()) ++n;
  return n;
}

namespace {

uint64_t limit_of(int64_t most) {
  return most < 0 ? std::numeric_limits<uint64_t>::max() : static_cast<uint64_t>(most);
}

}  // namespace

std::string replace_text(Runtime& runtime, std::string_view text, std::string_view old, std::string_view replacement,
                         int64_t most) {
  std::string out;
  uint64_t n_left = limit_of(most);
  size_t at = 0;
  const auto append = [&](std::string_view piece) {
    if (out.capacity() - out.size() < piece.size()) runtime.expect_room(2 * (out.size() + piece.size()));
    out += piece;
  };
  for (; n_left > 0; --n_left) {
    const size_t found = find_text(runtime, text, old, at);
    if (found == std::string_view::npos) break;
    append(text.substr(at, found - at));
    append(replacement);
    at = found + old.size();
    if (!old.empty()) continue;
    if (at == text.size()) break;
    const size_t begin = at;
    next_character(text, at);
    append(text.substr(begin, at - begin));
  }
  runtime.step_over_bytes(out.size());
  append(text.substr(at));
  return out;
}

namespace {

// Pieces of a text, refused where what will be made of them has no room.
class Pieces {
 public:
  explicit Pieces(Runtime& runtime) : runtime_(runtime) {}
  void add(std::string_view piece) {
    runtime_.step();
    if (pieces_.size() == pieces_.capacity()) {
      runtime_.expect_room(pieces_.size() * (sizeof(std::string_view) + sizeof(StringObject)));
    }
    pieces_.push_back(piece);
  }
  size_t size() const { return pieces_.size(); }
  std::vector<std::string_view> take() { return std::move(pieces_); }
  std::vector<std::string_view> take_reversed() {
    std::reverse(pieces_.begin(), pieces_.end());
    return take();
  }

 private:
  Runtime& runtime_;
  std::vector<std::string_view> pieces_;
};

std::vector<std::string_view> split_at_spaces(Runtime& runtime, std::string_view text, uint64_t most) {
  Pieces parts(runtime);
  text = strip_spaces(text, Side::left);
  while (!text.empty()) {
    size_t end = 0;
    if (parts.size() == most) {
      parts.add(text);
      break;
    }
    size_t next = 0;
    while (next < text.size() && !is_space(next_character(text, next))) end = next;
    parts.add(text.substr(0, end));
    text = strip_spaces(text.substr(end), Side::left);
  }
  return parts.take();
}

std::vector<std::string_view> split_at_spaces_from_right(Runtime& runtime, std::string_view text, uint64_t most) {
  Pieces parts(runtime);
  text = strip_spaces(text, Side::right);
  while (!text.empty()) {
    if (parts.size() == most) {
      parts.add(text);
      break;
    }
    size_t begin = text.size();
    size_t next = begin;
    while (next > 0 && !is_space(previous_character(text, next))) begin = next;
    parts.add(text.substr(begin));
    text = strip_spaces(text.substr(0, begin), Side::right);
  }
  return parts.take_reversed();
}

}  // namespace

std::vector<std::string_view> split_text(Runtime& runtime, std::string_view text,
                                         std::optional<std::string_view> separator, int64_t most) {
  if (!separator) return split_at_spaces(runtime, text, limit_of(most));
  Pieces parts(runtime);
  while (parts.size() < limit_of(most)) {
    const size_t found = find_text(runtime, text, *separator);
    if (found == std::string_view::npos) break;
    parts.add(text.substr(0, found));
    text.remove_prefix(found + separator->size());
  }
  parts.add(text);
  return parts.take();
}

std::vector<std::string_view> split_text_from_right(Runtime& runtime, std::string_view text,
                                                    std::optional<std::string_view> separator, int64_t most) {
  if (!separator) return split_at_spaces_from_right(runtime, text, limit_of(most));
  Pieces parts(runtime);
  while (parts.size() < limit_of(most)) {
    const size_t found = find_last_text(runtime, text, *separator);
    if (found == std::string_view::npos) break;
    parts.add(text.substr(found + separator->size()));
    text = text.substr(0, found);
  }
  parts.add(text);
  return parts.take_reversed();
}

Padding padding(size_t n_characters, int64_t width, Alignment alignment) {
  if (width <= 0 || static_cast<size_t>(width) <= n_characters) return {};
  const size_t n = static_cast<size_t>(width) - n_characters;
  if (alignment == Alignment::left) return {0, n};
  if (alignment == Alignment::right) return {n, 0};
  const size_t left = n / 2 + (n & static_cast<size_t>(width) & 1);
  return {left, n - left};
}

}  // namespace quandex::jinja
