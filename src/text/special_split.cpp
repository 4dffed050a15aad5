#include "text/special_split.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/unicode.h"

namespace quandex {
namespace {

DecodedCodepoint last_character(std::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
  return decode_utf8(text.substr(begin));
}

bool ends_with_word(std::string_view text) { return !text.empty() && is_word_character(last_character(text).value); }
bool starts_with_word(std::string_view text) { return !text.empty() && is_word_character(decode_utf8(text).value); }

size_t without_space_at_end(std::string_view text) {
  while (!text.empty()) {
    const DecodedCodepoint last = last_character(text);
    if (!is_white_space(last.value)) break;
    text.remove_suffix(static_cast<size_t>(last.n_bytes));
  }
  return text.size();
}

size_t size_of_space_at_start(std::string_view text) {
  size_t size = 0;
  while (size < text.size()) {
    const DecodedCodepoint next = decode_utf8(text.substr(size));
    if (!is_white_space(next.value)) break;
    size += static_cast<size_t>(next.n_bytes);
  }
  return size;
}

}  // namespace

SpecialMatcher::SpecialMatcher(std::vector<Entry> entries) {
  std::vector<TextTrie::Entry> texts;
  for (const Entry& entry : entries) {
    texts.push_back({entry.text, static_cast<int32_t>(tokens_.size())});
    tokens_.push_back(entry.token);
  }
  trie_ = TextTrie(std::move(texts));
}

void SpecialMatcher::split(std::string_view text, bool special,
                           FunctionRef<void(std::string_view, const MatchedToken*)> part) const {
  size_t done = 0;
  size_t end_of_space = 0;  // of the run looked through last: tokens may be white space themselves
  for (size_t at = 0; !trie_.is_empty() && at < text.size();) {
    if (!trie_.may_begin(text[at])) {
      ++at;
      continue;
    }
    size_t begin = at, end = at;
    int32_t index = -1;
    trie_.for_each_prefix(text.substr(at), [&](int32_t value, size_t n_bytes) { index = value, end = at + n_bytes; });
    if (index < 0) {
      ++at;
      continue;
    }
    at = end;
    const MatchedToken& token = tokens_[static_cast<size_t>(index)];
    if (token.is_special && !special) continue;
    if (token.is_single_word && (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) continue;
    if (token.strips_left) begin = done + (done < begin ? without_space_at_end(text.substr(done, begin - done)) : 0);
    if (token.strips_right) {
      if (end_of_space < end) end_of_space = end + size_of_space_at_start(text.substr(end));
      end = end_of_space;
    }
    if (begin >= end) continue;  // all of it is part of the match before
    if (done < begin) part(text.substr(done, begin - done), nullptr);
    part(text.substr(begin, end - begin), &token);
    done = end;
  }
  if (done < text.size()) part(text.substr(done), nullptr);
}

}  // namespace quandex
