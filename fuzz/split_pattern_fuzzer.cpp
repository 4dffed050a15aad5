// A line with a pattern, then a text: our matcher finds what PCRE2 finds, or one of them refuses with an Error.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/split_pattern.h"

namespace {

using quandex::SplitPattern;

constexpr size_t kMaxBytes = 2000;  // of pattern and text: more is only slower

// Where all characters are as old as Unicode itself, so that both matchers know the same of them.
bool is_old(std::string_view text) {
  while (!text.empty()) {
    const quandex::DecodedCodepoint character = quandex::decode_utf8(text);
    if (character.value >= 0x220) return false;
    text.remove_prefix(static_cast<size_t>(character.n_bytes));
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t line_end = all.find('\n');
  if (line_end == std::string_view::npos || size > kMaxBytes) return 0;
  const std::string_view pattern = all.substr(0, line_end), text = all.substr(line_end + 1);
  if (!quandex::is_valid_utf8(text)) return 0;
  try {
    std::vector<std::pair<size_t, size_t>> found[2];
    for (const auto matcher : {SplitPattern::Matcher::fastest, SplitPattern::Matcher::pcre2}) {
      const SplitPattern compiled(pattern, "fuzz", matcher);
      compiled.for_each(text, [&](SplitPattern::Match match) {
        if (match.end < match.begin || match.end > text.size()) std::abort();
        found[matcher == SplitPattern::Matcher::pcre2 ? 1 : 0].emplace_back(match.begin, match.end);
      });
    }
    if (found[0] != found[1] && is_old(text)) std::abort();
  } catch (const quandex::Error&) {  // expected
  }
  return 0;
}
