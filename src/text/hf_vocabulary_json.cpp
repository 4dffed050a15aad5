// tokenizer.json: the file of the library `tokenizers`. Every stage is either one whose result our tokenizers give
// exactly, or refused by name.
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/shown.h"
#include "text/hf_vocabulary_parts.h"
#include "text/pretokenize.h"

namespace quandex {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

// The members of nested sequences of stages, in order. `list` is the key of a sequence's members.
void flatten(const JsonField& stage, std::string_view list, std::vector<JsonField>& out) {
  if (stage.is_absent()) return;
  if (stage["type"].string() != "Sequence") {
    out.push_back(stage);
    return;
  }
  for (size_t i = 0; i < stage[list].size(); ++i) flatten(stage[list][i], list, out);
}

std::vector<JsonField> stages_of(const JsonField& root, std::string_view name, std::string_view list) {
  std::vector<JsonField> stages;
  flatten(root[name], list, stages);
  return stages;
}

bool is_type(const JsonField& stage, std::string_view type) { return stage["type"].string() == type; }

// Whether a Split or Replace looks for exactly this text.
bool has_pattern(const JsonField& stage, std::string_view text) {
  return stage["pattern"].is_object() && stage["pattern"]["String"].string_or("") == text;
}

bool is_replace(const JsonField& stage, std::string_view from, std::string_view to) {
  return is_type(stage, "Replace") && has_pattern(stage, from) && stage["content"].string() == to;
}

// --- byte-level BPE ---

// The pattern that a pre-tokenizer splits by.
std::string pattern_of(const JsonField& stage) {
  if (is_type(stage, "Digits")) return stage["individual_digits"].boolean_or(false) ? R"(\p{N})" : R"(\p{N}+)";
  if (!is_type(stage, "Split")) stage["type"].refuse_unsupported("Split, Digits or ByteLevel");
  const std::string behavior = stage["behavior"].string();
  const bool is_inverted = stage["invert"].boolean_or(false);
  // The known patterns match all there is, so that removing what lies between matches removes nothing.
  if (!(behavior == "Isolated" && !is_inverted) && !(behavior == "Removed" && is_inverted))
    stage["behavior"].refuse_unsupported("\"Isolated\", or \"Removed\" with invert");
  return stage["pattern"]["Regex"].string();
}

void read_pre_tokenizer(const std::vector<JsonField>& stages, bool ignores_merges, HfVocabulary& vocabulary) {
  std::vector<std::string> patterns;
  for (const JsonField& stage : stages) {
    if (!is_type(stage, "ByteLevel")) {
      patterns.push_back(pattern_of(stage));
      continue;
    }
    if (&stage != &stages.back()) stage["type"].refuse_unsupported("ByteLevel to be the last pre-tokenizer");
    if (stage["add_prefix_space"].boolean_or(true)) stage["add_prefix_space"].refuse_unsupported("false");
    if (stage["use_regex"].boolean_or(true))
      patterns.emplace_back(find_pre_tokenizer_rule("gpt-2", stage.source()).patterns[0]);
  }
  const PreTokenizerRule* const rule = find_pre_tokenizer_rule(patterns, ignores_merges);
  if (rule == nullptr)
    throw Error(ErrorCode::unsupported, "{}: the pre-tokenizer splits by {}, which is none of the known rules",
                stages.back().source(), fmt::join(patterns, " and then by "));
  vocabulary.pre = rule->name;
  if (rule->ignore_merges != ignores_merges) vocabulary.ignores_merges = ignores_merges;
}

void read_byte_level(const JsonField& root, const std::vector<JsonField>& pre_tokenizers, HfVocabulary& vocabulary) {
  vocabulary.model = "gpt2";
  for (const JsonField& stage : stages_of(root, "normalizer", "normalizers")) {
    if (!is_type(stage, "NFC")) stage["type"].refuse_unsupported("NFC or none in front of byte-level BPE");
    vocabulary.normalizes_nfc = true;
  }
  const JsonField model = root["model"];
  if (model["byte_fallback"].boolean_or(false)) model["byte_fallback"].refuse_unsupported("false for byte-level BPE");
  read_pre_tokenizer(pre_tokenizers, model["ignore_merges"].boolean_or(false), vocabulary);
  for (const JsonField& stage : stages_of(root, "decoder", "decoders"))
    if (!is_type(stage, "ByteLevel")) stage["type"].refuse_unsupported("ByteLevel for byte-level BPE");
}

// --- BPE of characters as SentencePiece has it ---

void read_metaspace(const JsonField& stage, HfVocabulary& vocabulary) {
  if (stage["replacement"].string() != kSpace) stage["replacement"].refuse_unsupported("\"\xE2\x96\x81\"");
  if (stage["split"].boolean_or(true)) stage["split"].refuse_unsupported("false: merges across spaces");
  const bool adds_prefix = stage["add_prefix_space"].boolean_or(true);  // of older files, which lack a scheme
  const std::string scheme = stage["prepend_scheme"].string_or(adds_prefix ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never")
    stage["prepend_scheme"].refuse_unsupported("always, first or never");
  vocabulary.adds_space_prefix = scheme != "never";
  vocabulary.prefixes_unless_space = vocabulary.adds_space_prefix;
  if (scheme == "first") vocabulary.space_prefix = SpacePrefix::first_part;
}

// Spaces become U+2581 by a normalizer or by the pre-tokenizer Metaspace, and one goes in front or does not.
void read_spaces(const JsonField& root, const std::vector<JsonField>& pre_tokenizers, HfVocabulary& vocabulary) {
  bool prepends = false, replaces = false;
  for (const JsonField& stage : stages_of(root, "normalizer", "normalizers")) {
    if (is_replace(stage, " ", kSpace) && !replaces)
      replaces = true;
    else if (is_type(stage, "Prepend") && stage["prepend"].string() == kSpace && !prepends)
      prepends = true;
    else
      stage["type"].refuse_unsupported("Prepend \"\xE2\x96\x81\" and Replace \" \" by \"\xE2\x96\x81\", once each");
  }
  if (prepends && !replaces) root["normalizer"].refuse_unsupported("a Replace beside the Prepend");
  vocabulary.adds_space_prefix = prepends;
  bool has_metaspace = false;
  for (const JsonField& stage : pre_tokenizers) {
    // Gemma splits at spaces of which its normalizer has left none.
    if (is_type(stage, "Split") && has_pattern(stage, " ") && replaces) continue;
    if (!is_type(stage, "Metaspace") || replaces || has_metaspace)
      stage["type"].refuse_unsupported("ByteLevel, or Metaspace without a normalizer");
    read_metaspace(stage, vocabulary);
    has_metaspace = true;
  }
  if (!replaces && !has_metaspace)
    root["pre_tokenizer"].refuse_unsupported("ByteLevel or Metaspace, or a normalizer that replaces spaces");
}

// The decoder must undo what was done to spaces: drop the one in front where one was put there.
void check_decoder(const JsonField& root, const HfVocabulary& vocabulary) {
  bool drops_space = false;
  for (const JsonField& stage : stages_of(root, "decoder", "decoders")) {
    const std::string& type = stage["type"].string();
    if (type == "Strip") {
      if (stage["content"].string() != " " || stage["start"].integer() != 1 || stage["stop"].integer() != 0)
        stage["content"].refuse_unsupported("one space dropped in front");
      drops_space = true;
    } else if (type == "Metaspace") {
      drops_space =
          stage["prepend_scheme"].string_or("always") != "never" && stage["add_prefix_space"].boolean_or(true);
    } else if (type == "Replace") {
      if (!is_replace(stage, kSpace, " ")) stage["pattern"].refuse_unsupported("\"\xE2\x96\x81\" replaced by a space");
    } else if (type != "ByteFallback" && type != "Fuse") {
      stage["type"].refuse_unsupported("Replace, ByteFallback, Fuse, Strip or Metaspace");
    }
  }
  if (drops_space != vocabulary.adds_space_prefix)
    root["decoder"].refuse_unsupported(vocabulary.adds_space_prefix ? "one that drops the space put in front"
                                                                    : "one that keeps a space in front");
}

void read_sentencepiece_style(const JsonField& root, const std::vector<JsonField>& pre_tokenizers,
                              HfVocabulary& vocabulary) {
  vocabulary.model = "llama";
  const JsonField model = root["model"];
  if (!model["byte_fallback"].boolean_or(false))
    model["byte_fallback"].refuse_unsupported("true where the pre-tokenizer is not ByteLevel");
  if (model["ignore_merges"].boolean_or(false))
    model["ignore_merges"].refuse_unsupported("false where the pre-tokenizer is not ByteLevel");
  read_spaces(root, pre_tokenizers, vocabulary);
  check_decoder(root, vocabulary);
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto id = vocabulary.tokens.find(fmt::format("<0x{:02X}>", byte));
    if (!id) model["vocab"].refuse(fmt::format("all 256 byte tokens: <0x{:02X}> is not there", byte));
    vocabulary.tokens[*id].type = TokenType::byte;
  }
}

// --- the model ---

void read_tokens(const JsonField& root, HfVocabulary& vocabulary) {
  const JsonField vocab = root["model"]["vocab"];
  for (const auto& [text, id] : vocab.object()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > std::numeric_limits<int32_t>::max())
      vocab[text].refuse("a token id");
    vocabulary.tokens.add(id.get<int64_t>(), text, TokenType::normal);
  }
}

void read_added_tokens(const JsonField& root, HfVocabulary& vocabulary) {
  const bool changes_text = !root["normalizer"].is_absent() && vocabulary.model == "llama";
  bool is_any_normalized = false;
  for (size_t i = 0; i < root["added_tokens"].size(); ++i) {
    const JsonField token = root["added_tokens"][i];
    vocabulary.tokens.add_matched(token, token["id"].integer());
    is_any_normalized = is_any_normalized || token["normalized"].boolean_or(false);
  }
  // Old files of Llama have it, by mistake: such a token would be found only at the start of a text or after a space.
  if (is_any_normalized && changes_text)
    LOG(warn, "load", "{}: added tokens with 'normalized' are matched wherever their text is", root.source());
}

// A merge of a list of two tokens, as the text that older files have.
std::string joined_pair(const JsonField& merges, size_t i) {
  const Json::array_t& pair = merges.array()[i].get_ref<const Json::array_t&>();
  if (pair.size() != 2) merges[i].refuse("two tokens");
  for (const size_t side : {size_t{0}, size_t{1}})
    if (!pair[side].is_string()) merges[i][side].refuse("a string");
  const auto &left = pair[0].get_ref<const std::string&>(), &right = pair[1].get_ref<const std::string&>();
  std::string text;
  text.reserve(left.size() + 1 + right.size());
  text.append(left).append(" ").append(right);
  if (std::ranges::count(text, ' ') != 1) merges[i].refuse_unsupported("tokens without a space inside");
  return text;
}

void read_merges(const JsonField& merges, HfVocabulary& vocabulary) {
  const Json::array_t& all = merges.array();
  vocabulary.merges.reserve(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    std::string text;
    if (all[i].is_array())
      text = joined_pair(merges, i);
    else if (all[i].is_string())
      text = all[i].get_ref<const std::string&>();
    else
      merges[i].refuse("a string");
    const size_t space = text.find(' ');
    if (space == 0 || space == std::string::npos || space + 1 == text.size() || text.find(' ', space + 1) != text.npos)
      merges[i].refuse("two tokens with a space between");
    vocabulary.merges.push_back(std::move(text));
  }
}

// Readers that know no ranks merge by score: the token of the earlier merge has the better one.
void score_by_rank(HfVocabulary& vocabulary) {
  const auto n_merges = static_cast<float>(vocabulary.merges.size());
  for (size_t id = 0; id < vocabulary.tokens.all().size(); ++id) {
    HfToken& token = vocabulary.tokens[static_cast<int32_t>(id)];
    if (token.type == TokenType::normal) token.score = -n_merges;
  }
  std::string result;
  for (size_t i = vocabulary.merges.size(); i-- > 0;) {  // from the last, so that a token's first merge stays
    const std::string& merge = vocabulary.merges[i];
    const size_t space = merge.find(' ');
    result.assign(merge, 0, space).append(merge, space + 1);
    if (const auto id = vocabulary.tokens.find(result)) vocabulary.tokens[*id].score = -static_cast<float>(i);
  }
}

void check_model(const JsonField& model) {
  const std::string type = model["type"].string_or("BPE");  // the first files had none
  if (type != "BPE" || !model["vocab"].is_object()) {
    if (type == "BPE") model["vocab"].refuse("the ids of tokens");
    model["type"].refuse_unsupported("\"BPE\"");
  }
  if (model["dropout"].real_or(0) != 0) model["dropout"].refuse_unsupported("none");
  for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!model[key].string_or("").empty()) model[key].refuse_unsupported("none");
}

// --- what goes around a text ---

// The id of a special token in a template, -1 where the entry is the text itself.
int32_t template_id(const JsonField& processor, const JsonField& entry, const HfVocabulary& vocabulary) {
  if (entry["SpecialToken"].is_absent()) return -1;
  const std::string& text = entry["SpecialToken"]["id"].string();
  const auto id = vocabulary.tokens.find(text);
  if (!id) processor["single"].refuse(fmt::format("tokens of the vocabulary: '{}' is none", shown(text)));
  return *id;
}

void read_template(const JsonField& processor, HfVocabulary& vocabulary) {
  const JsonField single = processor["single"];
  std::vector<int32_t> before, after;
  bool has_text = false;
  for (size_t i = 0; i < single.size(); ++i) {
    const int32_t id = template_id(processor, single[i], vocabulary);
    if (id >= 0)
      (has_text ? after : before).push_back(id);
    else if (!has_text && single[i]["Sequence"]["id"].string_or("") == "A")
      has_text = true;
    else
      single[i].refuse_unsupported("a special token or the sequence A, once");
  }
  if (!has_text || before.size() > 1 || after.size() > 1)
    single.refuse_unsupported("at most one special token on each side of the text");
  vocabulary.adds_bos = !before.empty();
  vocabulary.adds_eos = !after.empty();
  if (!before.empty()) vocabulary.bos = before[0];
  if (!after.empty()) vocabulary.eos = after[0];
}

void read_post_processor(const JsonField& root, HfVocabulary& vocabulary) {
  vocabulary.adds_bos = vocabulary.adds_eos = false;
  for (const JsonField& stage : stages_of(root, "post_processor", "processors")) {
    if (is_type(stage, "ByteLevel")) continue;  // offsets only
    if (!is_type(stage, "TemplateProcessing")) stage["type"].refuse_unsupported("TemplateProcessing or ByteLevel");
    read_template(stage, vocabulary);
  }
}

}  // namespace

HfVocabulary parse_tokenizer_json(const Json& json, std::string_view source, int n_vocab) {
  const JsonField root(json, source);
  const JsonField model = root["model"];
  model.object();
  check_model(model);
  HfVocabulary vocabulary{
      .tokens = HfTokens(n_vocab, model["vocab"].object().size() + root["added_tokens"].size(), source),
      .model = "gpt2"};
  read_tokens(root, vocabulary);
  read_merges(model["merges"], vocabulary);
  const std::vector<JsonField> pre_tokenizers = stages_of(root, "pre_tokenizer", "pretokenizers");
  const bool is_byte_level =
      std::ranges::any_of(pre_tokenizers, [](const JsonField& stage) { return is_type(stage, "ByteLevel"); });
  if (is_byte_level)
    read_byte_level(root, pre_tokenizers, vocabulary);
  else
    read_sentencepiece_style(root, pre_tokenizers, vocabulary);
  if (!model["unk_token"].is_absent()) {
    const auto unknown = vocabulary.tokens.find(model["unk_token"].string());
    if (!unknown) model["unk_token"].refuse("a token of the vocabulary");
    vocabulary.unknown = *unknown;
    if (!is_byte_level) vocabulary.tokens[*unknown].type = TokenType::unknown;
  }
  if (!is_byte_level) score_by_rank(vocabulary);
  read_added_tokens(root, vocabulary);
  read_post_processor(root, vocabulary);
  return vocabulary;
}

}  // namespace quandex
