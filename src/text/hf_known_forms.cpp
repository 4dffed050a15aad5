#include "text/hf_known_forms.h"

#include <algorithm>
#include <array>

#include "text/byte_map.h"
#include "text/pre_tokenizer_rules.h"

namespace quandex {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

bool is_type(const JsonField& stage, std::string_view type) { return stage["type"].string() == type; }

void flatten(const JsonField& stage, std::string_view list, std::vector<JsonField>& out) {
  if (stage.is_absent()) return;
  if (!is_type(stage, "Sequence")) {
    out.push_back(stage);
    return;
  }
  for (size_t i = 0; i < stage[list].size(); ++i) flatten(stage[list][i], list, out);
}

// Whether a Split or Replace looks for exactly this text.
bool has_pattern(const JsonField& stage, std::string_view text) {
  return stage["pattern"].is_object() && stage["pattern"]["String"].string_or("") == text;
}

bool is_replace(const JsonField& stage, std::string_view from, std::string_view to) {
  return is_type(stage, "Replace") && has_pattern(stage, from) && stage["content"].string() == to;
}

bool is_plain_bpe(const JsonField& model) {
  return model["continuing_subword_prefix"].string_or("").empty() && model["end_of_word_suffix"].string_or("").empty();
}

// --- byte-level BPE ---

// Patterns that match all there is, so that removing what lies between matches removes nothing.
bool matches_everything(const std::string& pattern) {
  return pattern.find(R"(\p{L}+)") != pattern.npos && pattern.find(R"(\p{N})") != pattern.npos &&
         pattern.find(R"([^\s\p{L}\p{N}]+)") != pattern.npos && pattern.ends_with(R"(|\s+)");
}

// The pattern that a pre-tokenizer splits by, nothing for other pre-tokenizers.
std::optional<std::string> pattern_of(const JsonField& stage) {
  if (is_type(stage, "Digits")) return stage["individual_digits"].boolean_or(false) ? R"(\p{N})" : R"(\p{N}+)";
  if (!is_type(stage, "Split") || stage["pattern"]["Regex"].is_absent()) return std::nullopt;
  const std::string pattern = stage["pattern"]["Regex"].string(), behavior = stage["behavior"].string();
  const bool is_inverted = stage["invert"].boolean_or(false);
  if (behavior == "Isolated" || (behavior == "Removed" && is_inverted && matches_everything(pattern))) return pattern;
  return std::nullopt;
}

std::optional<std::vector<std::string>> patterns_of(const std::vector<JsonField>& stages) {
  std::vector<std::string> patterns;
  for (size_t i = 0; i < stages.size(); ++i) {
    if (!is_type(stages[i], "ByteLevel")) {
      auto pattern = pattern_of(stages[i]);
      if (!pattern) return std::nullopt;
      patterns.push_back(*std::move(pattern));
      continue;
    }
    if (i + 1 < stages.size() || stages[i]["add_prefix_space"].boolean_or(true)) return std::nullopt;
    if (stages[i]["use_regex"].boolean_or(true))
      patterns.emplace_back(find_pre_tokenizer_rule("gpt-2", stages[i].source()).patterns[0]);
  }
  return patterns;
}

// --- BPE of characters as SentencePiece has it ---

bool take_metaspace(const JsonField& stage, HfVocabulary& vocabulary) {
  if (stage["replacement"].string() != kSpace || stage["split"].boolean_or(true)) return false;
  const bool adds_prefix = stage["add_prefix_space"].boolean_or(true);
  const std::string scheme = stage["prepend_scheme"].string_or(adds_prefix ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never") return false;
  vocabulary.adds_space_prefix = vocabulary.prefixes_unless_space = scheme != "never";
  vocabulary.space_prefix = scheme == "first" ? SpacePrefix::first_part : SpacePrefix::every_part;
  return true;
}

// Spaces become U+2581 by a normalizer or by the pre-tokenizer Metaspace, and one goes in front or does not.
bool take_spaces(const JsonField& root, HfVocabulary& vocabulary) {
  bool prepends = false, replaces = false, has_metaspace = false;
  for (const JsonField& stage : flat_stages(root["normalizer"], "normalizers")) {
    if (is_replace(stage, " ", kSpace) && !replaces)
      replaces = true;
    else if (is_type(stage, "Prepend") && stage["prepend"].string() == kSpace && !prepends)
      prepends = true;
    else
      return false;
  }
  if (prepends && !replaces) return false;
  vocabulary.adds_space_prefix = prepends;
  for (const JsonField& stage : flat_stages(root["pre_tokenizer"], "pretokenizers")) {
    // Gemma splits at spaces of which its normalizer has left none.
    if (is_type(stage, "Split") && has_pattern(stage, " ") && replaces) continue;
    if (!is_type(stage, "Metaspace") || replaces || has_metaspace || !take_metaspace(stage, vocabulary)) return false;
    has_metaspace = true;
  }
  return replaces || has_metaspace;
}

bool has_all_byte_tokens(const HfTokens& tokens) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto id = tokens.find(fmt::format("<0x{:02X}>", byte));
    if (!id || tokens.all()[static_cast<size_t>(*id)].type != TokenType::normal) return false;
  }
  return true;
}

// Tokens that the normalizer changes are matched in its text, which GGUF has no notion of.
bool matches_normalized(const JsonField& root, const HfVocabulary& vocabulary) {
  return !root["normalizer"].is_absent() && vocabulary.tokens.has_any_normalized();
}

// What GGUF implies of a field: absent, or of this value.
bool is_implied(const JsonField& field, bool value) { return field.boolean_or(value) == value; }

}  // namespace

std::vector<JsonField> flat_stages(const JsonField& field, std::string_view list) {
  std::vector<JsonField> stages;
  flatten(field, list, stages);
  return stages;
}

bool is_plain_byte_level(const JsonField& root, const HfVocabulary& vocabulary) {
  const JsonField model = root["model"];
  const auto stages = flat_stages(root["pre_tokenizer"], "pretokenizers");
  if (stages.empty() || !is_type(stages.back(), "ByteLevel") || !is_plain_bpe(model)) return false;
  if (std::ranges::count_if(stages, [](const JsonField& stage) { return is_type(stage, "ByteLevel"); }) != 1)
    return false;
  if (vocabulary.merge_pairs || model["byte_fallback"].boolean_or(false)) return false;
  if (!model["fuse_unk"].boolean_or(false) || model["unk_token"].is_absent()) return true;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char character = static_cast<char>(static_cast<uint8_t>(byte));
    if (!vocabulary.tokens.find(to_byte_characters({&character, 1}))) return false;
  }
  return true;
}

bool take_byte_level_bpe(const JsonField& root, HfVocabulary& vocabulary) {
  if (!is_plain_byte_level(root, vocabulary)) return false;
  const auto normalizers = flat_stages(root["normalizer"], "normalizers");
  if (!std::ranges::all_of(normalizers, [](const JsonField& stage) { return is_type(stage, "NFC"); })) return false;
  const auto patterns = patterns_of(flat_stages(root["pre_tokenizer"], "pretokenizers"));
  if (!patterns) return false;
  const bool ignores_merges = root["model"]["ignore_merges"].boolean_or(false);
  const PreTokenizerRule* const rule = find_pre_tokenizer_rule(*patterns, ignores_merges);
  if (rule == nullptr) return false;
  vocabulary.model = "gpt2";
  vocabulary.pre = rule->name;
  vocabulary.normalizes_nfc = !normalizers.empty();
  if (rule->ignore_merges != ignores_merges) vocabulary.ignores_merges = ignores_merges;
  return true;
}

bool take_sentencepiece_bpe(const JsonField& root, HfVocabulary& vocabulary) {
  const JsonField model = root["model"];
  const bool is_plain = is_plain_bpe(model) && model["byte_fallback"].boolean_or(false) &&
                        !model["ignore_merges"].boolean_or(false) && !vocabulary.merge_pairs;
  if (!is_plain || !has_all_byte_tokens(vocabulary.tokens) || matches_normalized(root, vocabulary)) return false;
  HfVocabulary spaces{.tokens = HfTokens(1, 0, ""), .model = "llama"};
  if (!take_spaces(root, spaces)) return false;
  vocabulary.model = "llama";
  vocabulary.merges_by_rank = true;
  vocabulary.adds_space_prefix = spaces.adds_space_prefix;
  vocabulary.prefixes_unless_space = spaces.prefixes_unless_space;
  vocabulary.space_prefix = spaces.space_prefix;
  return true;
}

bool take_bert(const JsonField& root, HfVocabulary& vocabulary) {
  const JsonField normalizer = root["normalizer"], model = root["model"], decoder = root["decoder"];
  if (normalizer.is_absent() || root["pre_tokenizer"].is_absent() || decoder.is_absent()) return false;
  if (!is_type(normalizer, "BertNormalizer") || !is_type(root["pre_tokenizer"], "BertPreTokenizer")) return false;
  for (const std::string_view key : {"clean_text", "handle_chinese_chars", "lowercase", "strip_accents"})
    if (!is_implied(normalizer[key], true)) return false;
  const bool is_usual = model["continuing_subword_prefix"].string_or("##") == "##" &&
                        model["max_input_chars_per_word"].optional_integer().value_or(100) == 100;
  if (!is_usual || !is_type(decoder, "WordPiece") || decoder["prefix"].string_or("##") != "##") return false;
  if (!is_implied(decoder["cleanup"], true) || !vocabulary.word_piece_prefix) return false;
  vocabulary.model = "bert";
  return true;
}

}  // namespace quandex
