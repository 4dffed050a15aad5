#include "cli/edit_buffer.h"

#include <utf8proc.h>

#include <algorithm>
#include <utility>

namespace quandex::cli {
namespace {

bool is_in_word(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
      return true;
    default:
      return false;
  }
}

}  // namespace

int character_width(char32_t c) { return utf8proc_charwidth(static_cast<utf8proc_int32_t>(c)); }

void EditBuffer::set(std::u32string text) {
  text_ = std::move(text);
  cursor_ = text_.size();
}

void EditBuffer::insert(std::u32string_view text) {
  text_.insert(cursor_, text);
  cursor_ += text.size();
}

size_t EditBuffer::before(size_t at) const {
  while (at > 0) {
    const char32_t c = text_[--at];
    if (c == U'\n' || c == U'\t' || character_width(c) > 0) break;
  }
  return at;
}

size_t EditBuffer::behind(size_t at) const {
  if (at == text_.size()) return at;
  if (text_[at++] == U'\n') return at;
  while (at < text_.size() && text_[at] != U'\n' && text_[at] != U'\t' && character_width(text_[at]) == 0) ++at;
  return at;
}

size_t EditBuffer::word_begin() const {
  size_t at = cursor_;
  while (at > 0 && !is_in_word(text_[at - 1])) --at;
  while (at > 0 && is_in_word(text_[at - 1])) --at;
  return at;
}

size_t EditBuffer::word_end() const {
  size_t at = cursor_;
  while (at < text_.size() && !is_in_word(text_[at])) ++at;
  while (at < text_.size() && is_in_word(text_[at])) ++at;
  return at;
}

size_t EditBuffer::line_begin() const {
  size_t at = cursor_;
  while (at > 0 && text_[at - 1] != U'\n') --at;
  return at;
}

size_t EditBuffer::line_end() const { return std::min(text_.find(U'\n', cursor_), text_.size()); }

void EditBuffer::erase(size_t begin, size_t end) {
  text_.erase(begin, end - begin);
  cursor_ = begin;
}

void EditBuffer::cut(size_t begin, size_t end) {
  if (begin == end) return;
  cut_ = text_.substr(begin, end - begin);
  erase(begin, end);
}

void EditBuffer::cut_to_end() {
  const size_t end = line_end();
  cut(cursor_, end == cursor_ ? behind(end) : end);
}

void EditBuffer::swap_characters() {
  if (text_.size() < 2 || cursor_ == 0) return;
  if (cursor_ < text_.size()) ++cursor_;
  std::swap(text_[cursor_ - 2], text_[cursor_ - 1]);
}

}  // namespace quandex::cli
