#include "text/pre_tokenizer_rules.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

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

constexpr std::string_view kDeepSeekLetters =
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ"
    "Ὗ-\u1F7Dᾀ-ᾴᾶ-ᾼ\u1FBEῂ-ῄῆ-ῌῐ-\u1FD3ῖ-\u1FDBῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212A-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤ\u2CEB-"
    "\u2CEE\u2CF2\u2CF3"
    "Ꙁ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
constexpr std::string_view kDeepSeekIdeographs = "[一-龥ࠀ-一가-퟿]+";
// The next two hold carriage returns and line feeds themselves, as their files do.
constexpr std::string_view kDeepSeek3Words = R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^)"
                                             "\r\n"
                                             R"(\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[)"
                                             "\r\n]*"
                                             R"(|\s*[)"
                                             "\r\n"
                                             R"(]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoder = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^)"
                                        "\r\n"
                                        R"(\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N})"
                                        "\r\n"
                                        R"(]+|\s*[)"
                                        "\r\n"
                                        R"(]+|\s+(?!\S)|\s+)";
constexpr std::string_view kBloom = " ?[^(\\s|.,!?…。，、।۔،)]+";
constexpr std::string_view kBailing =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kExaoneMoe =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kMiniCpm5 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

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

constexpr std::array<std::string_view, 6> kDeepSeekLlmPatterns = {
    "[\r\n]", kDeepSeekLetters, R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)", R"(\s+$)", kDeepSeekIdeographs, R"(\p{N}+)"};
constexpr std::array<std::string_view, 5> kDeepSeekCoderPatterns = {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)",
                                                                    kDeepSeekIdeographs, R"(\p{N})"};
constexpr std::array<std::string_view, 3> kDeepSeek3Patterns = {R"(\p{N}{1,3})", "[一-龥\u3040-ゟ゠-ヿ]+",
                                                                kDeepSeek3Words};
constexpr std::array kBloomPatterns = {kBloom};
constexpr std::array<std::string_view, 2> kVikingPatterns = {kBloom, R"(\p{N})"};
constexpr std::array kBailingPatterns = {kBailing};
constexpr std::array kSeedCoderPatterns = {kSeedCoder};
constexpr std::array kExaoneMoePatterns = {kExaoneMoe};
constexpr std::array<std::string_view, 2> kMiniCpm5Patterns = {R"(\p{N}{1,3})", kMiniCpm5};

constexpr std::array kRules = {
    PreTokenizerRule{"default", kDefaultPatterns},
    PreTokenizerRule{"gpt-2", kGpt2Patterns},
    PreTokenizerRule{"phi-2", kGpt2Patterns},
    PreTokenizerRule{"mpt", kGpt2Patterns},
    PreTokenizerRule{"olmo", kGpt2Patterns},
    PreTokenizerRule{"jais", kGpt2Patterns},
    PreTokenizerRule{"trillion", kGpt2Patterns},
    PreTokenizerRule{"granite-docling", kGpt2Patterns},
    PreTokenizerRule{"exaone4", kGpt2Patterns},
    PreTokenizerRule{"gigachat", kGpt2Patterns},
    PreTokenizerRule{"mellum", kGpt2Patterns},
    PreTokenizerRule{"a.x-4.0", kGpt2Patterns},
    PreTokenizerRule{"llama-bpe", kLlama3Patterns, true, true},
    PreTokenizerRule{"llama3", kLlama3Patterns, true, true},
    PreTokenizerRule{"llama-v3", kLlama3Patterns, true, true},
    PreTokenizerRule{"falcon3", kLlama3Patterns, true, true},
    PreTokenizerRule{"falcon-h1", kLlama3Patterns, true, true},
    PreTokenizerRule{"pixtral", kLlama3Patterns, true, true},
    PreTokenizerRule{"midm-2.0", kLlama3Patterns, true, true},
    PreTokenizerRule{"lfm2", kLlama3Patterns, true, true},
    PreTokenizerRule{"dbrx", kLlama3Patterns},
    PreTokenizerRule{"smaug-bpe", kLlama3Patterns},
    PreTokenizerRule{"chatglm-bpe", kLlama3Patterns},
    PreTokenizerRule{"qwen2", kQwen2Patterns},
    PreTokenizerRule{"deepseek-r1-qwen", kQwen2Patterns},
    PreTokenizerRule{"stablelm2", kQwen2Patterns},
    PreTokenizerRule{"megrez", kQwen2Patterns},
    PreTokenizerRule{"hunyuan", kQwen2Patterns},
    PreTokenizerRule{"grok-2", kQwen2Patterns},
    PreTokenizerRule{"solar-open", kQwen2Patterns},
    PreTokenizerRule{"qwen35", kQwen35Patterns},
    PreTokenizerRule{"tekken", kTekkenPatterns, true},
    PreTokenizerRule{"gpt-4o", kGpt4oPatterns},
    PreTokenizerRule{"llama4", kGpt4oPatterns},
    PreTokenizerRule{"minimax-m2", kGpt4oPatterns},
    PreTokenizerRule{"smollm", kSingleDigitPatterns},
    PreTokenizerRule{"starcoder", kSingleDigitPatterns},
    PreTokenizerRule{"refact", kSingleDigitPatterns},
    PreTokenizerRule{"command-r", kSingleDigitPatterns},
    PreTokenizerRule{"codeshell", kSingleDigitPatterns},
    PreTokenizerRule{"exaone", kSingleDigitPatterns},
    PreTokenizerRule{"minerva-7b", kSingleDigitPatterns},
    PreTokenizerRule{"falcon", kFalconPatterns},
    PreTokenizerRule{"deepseek-llm", kDeepSeekLlmPatterns},
    PreTokenizerRule{"deepseek-coder", kDeepSeekCoderPatterns},
    PreTokenizerRule{"deepseek-v3", kDeepSeek3Patterns},
    PreTokenizerRule{"hunyuan-dense", kDeepSeek3Patterns},
    PreTokenizerRule{"joyai-llm", kDeepSeek3Patterns},
    PreTokenizerRule{"bloom", kBloomPatterns},
    PreTokenizerRule{"poro-chat", kBloomPatterns},
    PreTokenizerRule{"gpt3-finnish", kBloomPatterns},
    PreTokenizerRule{"viking", kVikingPatterns},
    PreTokenizerRule{"bailingmoe", kBailingPatterns},
    PreTokenizerRule{"bailingmoe2", kBailingPatterns},
    PreTokenizerRule{"llada-moe", kBailingPatterns},
    PreTokenizerRule{"seed-coder", kSeedCoderPatterns},
    PreTokenizerRule{"exaone-moe", kExaoneMoePatterns},
    PreTokenizerRule{"minicpm5", kMiniCpm5Patterns},
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

}  // namespace quandex
