#include "cli/token_ids.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "base/error.h"
#include "cli/escape.h"

namespace quandex::cli {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";

void skip_space(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size())); }

int32_t parse_id(std::string_view word, size_t number, int n_vocab) {
  int64_t id = -1;
  const auto result = std::from_chars(word.data(), word.data() + word.size(), id);
  if (word.empty() || result.ec == std::errc::invalid_argument || result.ptr != word.data() + word.size())
    throw Error(ErrorCode::invalid_argument, "id {}: found '{}', expected an integer from 0 to {}", number,
                escaped(word, 40), n_vocab - 1);
  if (result.ec == std::errc::result_out_of_range || id < 0 || id >= n_vocab)
    throw Error(ErrorCode::invalid_argument, "id {}: found {}, expected 0 to {}", number, escaped(word, 40),
                n_vocab - 1);
  return static_cast<int32_t>(id);
}

}  // namespace

std::vector<int32_t> parse_token_ids(std::string_view text, int n_vocab) {
  std::vector<int32_t> ids;
  skip_space(text);
  const bool is_bracketed = text.starts_with('[');
  if (is_bracketed) text.remove_prefix(1);
  skip_space(text);
  while (!text.empty() && !(is_bracketed && text.front() == ']')) {
    const size_t end = std::min(text.find_first_of(is_bracketed ? " \t\r\n\v\f,]" : " \t\r\n\v\f,"), text.size());
    ids.push_back(parse_id(text.substr(0, end), ids.size() + 1, n_vocab));
    text.remove_prefix(end);
    skip_space(text);
    if (!text.starts_with(',')) continue;
    text.remove_prefix(1);
    skip_space(text);
    if (is_bracketed && text.starts_with(']'))
      throw Error(ErrorCode::invalid_argument, "after id {}: found ',]', expected an id", ids.size());
  }
  if (!is_bracketed) return ids;
  if (text.empty()) throw Error(ErrorCode::invalid_argument, "after id {}: found the end, expected ']'", ids.size());
  text.remove_prefix(1);
  skip_space(text);
  if (!text.empty())
    throw Error(ErrorCode::invalid_argument, "behind ']': found '{}', expected the end", escaped(text, 40));
  return ids;
}

}  // namespace quandex::cli
