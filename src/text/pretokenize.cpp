#include "text/pretokenize.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace quandex {
namespace {

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Words are split where capitals begin; of Mistral's models since Nemo, and of OpenAI's.
constexpr std::string_view kTekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
                                     R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
                                     R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::array kGpt2Patterns = {kGpt2};
constexpr std::array kLlama3Patterns = {kLlama3};
constexpr std::array kQwen2Patterns = {kQwen2};
constexpr std::array kQwen35Patterns = {kQwen35};
constexpr std::array kTekkenPatterns = {kTekken};
constexpr std::array kGpt4oPatterns = {kGpt4o};
constexpr std::array<std::string_view, 2> kSingleDigitPatterns = {R"(\p{N})", kGpt2};
constexpr std::array<std::string_view, 3> kFalconPatterns = {R"([\p{P}$+<=>^~|`]+)", kGpt2, R"([0-9][0-9][0-9])"};
constexpr std::array<std::string_view, 4> kDefaultPatterns = {R"([\p{P}$+<=>^~|]+)", kGpt2, R"(\p{N}+)",
                                                              R"([0-9][0-9][0-9])"};

constexpr std::array kRules = {
    PreTokenizerRule{"default", kDefaultPatterns},
    PreTokenizerRule{"gpt-2", kGpt2Patterns},
    PreTokenizerRule{"phi-2", kGpt2Patterns},
    PreTokenizerRule{"mpt", kGpt2Patterns},
    PreTokenizerRule{"olmo", kGpt2Patterns},
    PreTokenizerRule{"llama-bpe", kLlama3Patterns, true, true},
    PreTokenizerRule{"llama3", kLlama3Patterns, true, true},
    PreTokenizerRule{"llama-v3", kLlama3Patterns, true, true},
    PreTokenizerRule{"dbrx", kLlama3Patterns},
    PreTokenizerRule{"smaug-bpe", kLlama3Patterns},
    PreTokenizerRule{"qwen2", kQwen2Patterns},
    PreTokenizerRule{"deepseek-r1-qwen", kQwen2Patterns},
    PreTokenizerRule{"stablelm2", kQwen2Patterns},
    PreTokenizerRule{"qwen35", kQwen35Patterns},
    PreTokenizerRule{"tekken", kTekkenPatterns, true},
    PreTokenizerRule{"gpt-4o", kGpt4oPatterns},
    PreTokenizerRule{"smollm", kSingleDigitPatterns},
    PreTokenizerRule{"starcoder", kSingleDigitPatterns},
    PreTokenizerRule{"refact", kSingleDigitPatterns},
    PreTokenizerRule{"command-r", kSingleDigitPatterns},
    PreTokenizerRule{"codeshell", kSingleDigitPatterns},
    PreTokenizerRule{"exaone", kSingleDigitPatterns},
    PreTokenizerRule{"falcon", kFalconPatterns},
};

}  // namespace

std::span<const PreTokenizerRule> pre_tokenizer_rules() { return kRules; }

const PreTokenizerRule& find_pre_tokenizer_rule(std::string_view name, std::string_view source) {
  std::vector<std::string_view> known;
  for (const PreTokenizerRule& rule : kRules) {
    if (rule.name == name) return rule;
    known.push_back(rule.name);
  }
  throw Error(ErrorCode::unsupported, "{}: tokenizer.ggml.pre '{}' is not supported, expected one of: {}", source, name,
              fmt::join(known, ", "));
}

const PreTokenizerRule* find_pre_tokenizer_rule(std::span<const std::string> patterns, bool ignore_merges) {
  const PreTokenizerRule* first = nullptr;
  for (const PreTokenizerRule& rule : kRules) {
    if (!std::ranges::equal(rule.patterns, patterns)) continue;
    if (rule.ignore_merges == ignore_merges) return &rule;
    if (first == nullptr) first = &rule;
  }
  return first;
}

PreTokenizer::PreTokenizer(const PreTokenizerRule& rule) {
  for (const std::string_view pattern : rule.patterns) patterns_.emplace_back(pattern, "pre-tokenizer");
}

void PreTokenizer::split(std::string_view text, FunctionRef<void(std::string_view)> piece) const {
  split_level(0, text, piece);
}

void PreTokenizer::split_level(size_t level, std::string_view text, FunctionRef<void(std::string_view)> piece) const {
  if (level == patterns_.size()) {
    if (!text.empty()) piece(text);
    return;
  }
  size_t done = 0;
  patterns_[level].for_each(text, [&](SplitPattern::Match match) {
    if (match.begin > done) split_level(level + 1, text.substr(done, match.begin - done), piece);
    split_level(level + 1, text.substr(match.begin, match.end - match.begin), piece);
    done = match.end;
  });
  if (done < text.size()) split_level(level + 1, text.substr(done), piece);
}

}  // namespace quandex
