#include "cli/token_reuse.h"

#include <algorithm>
#include <string>

namespace quandex::cli {
namespace {

// The tokens before the first control token.
std::span<const int32_t> first_segment(const Tokenizer& tokenizer, std::span<const int32_t> tokens) {
  const auto end = std::ranges::find_if(tokens, [&](int32_t token) { return tokenizer.is_control(token); });
  return tokens.first(static_cast<size_t>(end - tokens.begin()));
}

bool are_same_text(const Tokenizer& tokenizer, std::span<const int32_t> a, std::span<const int32_t> b) {
  if (std::ranges::equal(a, b)) return true;
  std::string text_a, text_b;
  for (const int32_t token : a) tokenizer.append(token, text_a, true);
  for (const int32_t token : b) tokenizer.append(token, text_b, true);
  return text_a == text_b;
}

}  // namespace

std::vector<int32_t> with_computed_tokens(const Tokenizer& tokenizer, std::span<const int32_t> prompt,
                                          std::span<const int32_t> computed) {
  std::vector<int32_t> tokens;
  while (!computed.empty() && !prompt.empty()) {
    const auto wanted = first_segment(tokenizer, prompt), known = first_segment(tokenizer, computed);
    const bool is_last = known.size() == computed.size();  // the answer: a control token follows in the prompt
    if (!are_same_text(tokenizer, wanted, known)) break;
    if (is_last && wanted.size() == prompt.size()) break;  // or the prompt would go on inside a token
    tokens.insert(tokens.end(), known.begin(), known.end());
    prompt = prompt.subspan(wanted.size());
    computed = computed.subspan(known.size());
    if (prompt.empty() || computed.empty() || prompt.front() != computed.front()) break;
    tokens.push_back(prompt.front());
    prompt = prompt.subspan(1);
    computed = computed.subspan(1);
  }
  tokens.insert(tokens.end(), prompt.begin(), prompt.end());
  return tokens;
}

}  // namespace quandex::cli
