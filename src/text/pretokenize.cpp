#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pretokenize.h"

#include <fmt/ranges.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
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

// Unicode's White_Space property. PCRE2's own \s also takes U+180E, which has not been a space since Unicode 6.3.
constexpr std::string_view kWhiteSpace =
    R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

// Spells out \s and \S, the latter only outside brackets.
std::string with_white_space(std::string_view pattern) {
  std::string out;
  bool is_in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char escaped = pattern[++i];
      CHECK(escaped != 'S' || !is_in_class);
      if (escaped == 's' && is_in_class) {
        out.append(kWhiteSpace);
      } else if (escaped == 's' || escaped == 'S') {
        out.append(escaped == 's' ? "[" : "[^").append(kWhiteSpace).append("]");
      } else {
        out.append(pattern.substr(i - 1, 2));
      }
      continue;
    }
    if (c == '[') is_in_class = true;
    if (c == ']') is_in_class = false;
    out.push_back(c);
  }
  return out;
}

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
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

struct PreTokenizer::Pattern {
  std::unique_ptr<pcre2_code, FreeCode> code;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context;
  bool has_jit = false;

  explicit Pattern(std::string_view text) {
    const std::string spelled = with_white_space(text);
    int error = 0;
    size_t where = 0;
    code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(), PCRE2_UTF | PCRE2_UCP,
                             &error, &where, nullptr));
    CHECK(code != nullptr);  // patterns come from the table above only
    has_jit = pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE) == 0;
    context.reset(pcre2_match_context_create(nullptr));
    if (context == nullptr) throw Error(ErrorCode::out_of_memory, "pre-tokenizer: no memory for a match context");
    // The patterns need no more than linear work, so only memory may end a match early.
    pcre2_set_match_limit(context.get(), std::numeric_limits<uint32_t>::max());
    pcre2_set_depth_limit(context.get(), std::numeric_limits<uint32_t>::max());
    pcre2_set_heap_limit(context.get(), std::numeric_limits<uint32_t>::max());
  }

  // Whether there is a match at `from` or later; it is then in `data`.
  bool match(std::string_view text, size_t from, pcre2_match_data* data) const {
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    int found = PCRE2_ERROR_JIT_STACKLIMIT;
    if (has_jit) found = pcre2_jit_match(code.get(), subject, text.size(), from, 0, data, context.get());
    // Compiled code has a small fixed stack; the interpreter takes what it needs from the heap.
    if (found < 0 && found != PCRE2_ERROR_NOMATCH)
      found =
          pcre2_match(code.get(), subject, text.size(), from, PCRE2_NO_JIT | PCRE2_NO_UTF_CHECK, data, context.get());
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found < 0)
      throw Error(ErrorCode::out_of_memory, "pre-tokenizer: matching failed at byte {} of {}: {}", from, text.size(),
                  message_of(found));
    return true;
  }
};

PreTokenizer::PreTokenizer(const PreTokenizerRule& rule) {
  for (const std::string_view pattern : rule.patterns) patterns_.emplace_back(pattern);
}
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

void PreTokenizer::split(std::string_view text, FunctionRef<void(std::string_view)> piece) const {
  split_level(0, text, piece);
}

void PreTokenizer::split_level(size_t level, std::string_view text, FunctionRef<void(std::string_view)> piece) const {
  if (level == patterns_.size()) {
    if (!text.empty()) piece(text);
    return;
  }
  const Pattern& pattern = patterns_[level];
  const std::unique_ptr<pcre2_match_data, FreeMatchData> data(pcre2_match_data_create(1, nullptr));
  if (data == nullptr) throw Error(ErrorCode::out_of_memory, "pre-tokenizer: no memory for a match");
  const size_t* bounds = pcre2_get_ovector_pointer(data.get());
  size_t done = 0;
  while (done < text.size() && pattern.match(text, done, data.get())) {
    const size_t begin = bounds[0], end = bounds[1];
    CHECK(end > begin);  // no pattern of the table matches nothing
    if (begin > done) split_level(level + 1, text.substr(done, begin - done), piece);
    split_level(level + 1, text.substr(begin, end - begin), piece);
    done = end;
  }
  if (done < text.size()) split_level(level + 1, text.substr(done), piece);
}

}  // namespace quandex
