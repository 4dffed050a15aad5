// tokenizer.json: the file of the library `tokenizers`. What GGUF's keys describe becomes those keys; other stages are
// kept as they are, and make_tokenizer() runs them. Stages that nothing here can run are refused by name. The sections
// "truncation" and "padding" are of batches of texts of one length, so they are left out: a prompt keeps all its ids.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "base/shown.h"
#include "text/byte_map.h"
#include "text/hf_known_forms.h"
#include "text/hf_vocabulary_parts.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/token_decoder.h"
#include "text/word_piece.h"

namespace quandex {
namespace {

// --- the model ---

void read_tokens(const JsonField& root, HfVocabulary& vocabulary) {
  const JsonField vocab = root["model"]["vocab"];
  for (const auto& [text, id] : vocab.object()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > std::numeric_limits<int32_t>::max())
      vocab[text].refuse("a token id");
    vocabulary.tokens.add(id.get<int64_t>(), text, TokenType::normal);
  }
}

// The library `tokenizers` reads a number as its digits, divided by a power of ten; both are rounded, so that the
// result can be off by one in the last place. Where two ways to cut a text have the same score, that decides between
// them.
double as_read_by_tokenizers(double value) {
  std::array<char, 32> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer.data(), static_cast<size_t>(end - buffer.data()));
  const size_t e = text.find('e'), point = text.find('.');
  uint64_t digits = 0;
  for (const char c : text.substr(0, e))
    if (c >= '0' && c <= '9') digits = digits * 10 + static_cast<uint64_t>(c - '0');
  int exponent = 0;
  const size_t first = e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(text.data() + first, text.data() + text.size(), exponent);
  exponent -= point < e ? static_cast<int>(e - point - 1) : 0;
  double power = 0;
  const std::string power_text = fmt::format("1e{}", std::abs(exponent));
  std::from_chars(power_text.data(), power_text.data() + power_text.size(), power);
  if (std::abs(exponent) > 308) return value;
  const double read = exponent < 0 ? static_cast<double>(digits) / power : static_cast<double>(digits) * power;
  return value < 0 ? -read : read;
}

// Unigram: [["<unk>", 0.0], …]
void read_scored_tokens(const JsonField& root, HfVocabulary& vocabulary) {
  const JsonField vocab = root["model"]["vocab"];
  const Json::array_t& all = vocab.array();
  for (size_t i = 0; i < all.size(); ++i) {
    const bool is_pair = all[i].is_array() && all[i].size() == 2 && all[i][0].is_string() && all[i][1].is_number();
    if (!is_pair) vocab[i].refuse("a text and its score");
    vocabulary.tokens.add(static_cast<int64_t>(i), all[i][0].get<std::string>(), TokenType::normal,
                          as_read_by_tokenizers(all[i][1].get<double>()));
  }
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

// Which side a space belongs to cannot be told in a joined text, nor what a prefix leaves of the right side.
bool need_pairs(const JsonField& model) {
  if (!model["continuing_subword_prefix"].string_or("").empty()) return true;
  const auto has_space = [](const Json& side) {
    return side.is_string() && side.get_ref<const std::string&>().find(' ') != std::string::npos;
  };
  return std::ranges::any_of(model["merges"].array(), [&](const Json& merge) {
    return merge.is_array() && std::ranges::any_of(merge, has_space);
  });
}

void read_merge_pairs(const JsonField& merges, HfVocabulary& vocabulary) {
  std::vector<std::string>& pairs = vocabulary.merge_pairs.emplace();
  for (size_t i = 0; i < merges.size(); ++i) {
    const JsonField merge = merges[i];
    if (merge.is_array()) {
      if (merge.size() != 2) merge.refuse("two tokens");
      pairs.push_back(merge[size_t{0}].string());
      pairs.push_back(merge[size_t{1}].string());
      continue;
    }
    const std::string& text = merge.string();
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != text.npos)
      merge.refuse("two tokens with a space between");
    pairs.push_back(text.substr(0, space));
    pairs.push_back(text.substr(space + 1));
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

void read_model(const JsonField& root, HfVocabulary& vocabulary) {
  const JsonField model = root["model"];
  const std::string type = model["type"].string_or("BPE");  // the first files had none
  if (type == "Unigram") {
    read_scored_tokens(root, vocabulary);
    const int64_t unknown = model["unk_id"].integer();
    if (unknown < 0 || unknown >= static_cast<int64_t>(vocabulary.tokens.all().size()))
      model["unk_id"].refuse("the id of a token");
    vocabulary.unknown = static_cast<int32_t>(unknown);
    return;
  }
  if (type != "BPE" && type != "WordPiece" && type != "WordLevel")
    model["type"].refuse_unsupported("BPE, Unigram, WordPiece or WordLevel");
  read_tokens(root, vocabulary);
  const bool is_bpe = type == "BPE";
  if (is_bpe && model["dropout"].real_or(0) != 0) model["dropout"].refuse_unsupported("none");
  if (is_bpe && need_pairs(model))
    read_merge_pairs(model["merges"], vocabulary);
  else if (is_bpe)
    read_merges(model["merges"], vocabulary);
  const JsonField unknown = model["unk_token"];
  if (unknown.is_absent() && is_bpe) return;
  const auto id = vocabulary.tokens.find(unknown.string());
  if (!id) unknown.refuse("a token of the vocabulary");
  vocabulary.unknown = *id;
}

void read_added_tokens(const JsonField& root, HfVocabulary& vocabulary) {
  for (size_t i = 0; i < root["added_tokens"].size(); ++i) {
    const JsonField token = root["added_tokens"][i];
    vocabulary.tokens.add_matched(token, token["id"].integer());
  }
}

// --- what other programs read beside the stages ---

// The texts of GGUF's byte tokens, and its unknown token, have types of their own.
void set_types(HfVocabulary& vocabulary) {
  if (vocabulary.model == "gpt2") return;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto id = vocabulary.tokens.find(fmt::format("<0x{:02X}>", byte));
    if (id && vocabulary.tokens[*id].type == TokenType::normal) vocabulary.tokens[*id].type = TokenType::byte;
  }
  if (vocabulary.unknown >= 0 && vocabulary.tokens[vocabulary.unknown].type == TokenType::control)
    vocabulary.tokens[vocabulary.unknown].type = TokenType::unknown;
}

// WordPiece's tokens can be stored as GGUF does where none would then read as another.
void find_word_piece_prefix(const JsonField& model, HfVocabulary& vocabulary) {
  const std::string prefix = model["continuing_subword_prefix"].string_or("##");
  if (prefix.empty()) return;
  for (const HfToken& token : vocabulary.tokens.all()) {
    if (!token.type) continue;
    if (*token.type != TokenType::normal ? token.text.starts_with(prefix) : !phantom_word_piece(token.text, prefix))
      return;
  }
  vocabulary.word_piece_prefix = prefix;
}

std::string text_of(const JsonField& field) { return field.is_absent() ? "null" : field.json().dump(); }

// The settings of a model, without its tokens.
std::string settings_of(const JsonField& model, bool with_unknown_text) {
  Json settings = {{"type", model["type"].string_or("BPE")}};
  for (const auto& [key, value] : model.object())
    if (key != "type" && key != "vocab" && key != "merges" && key != "dropout" &&
        (key != "unk_token" || with_unknown_text))
      settings[key] = value;
  return settings.dump();
}

void keep_stages(const JsonField& root, HfVocabulary& vocabulary) {
  const JsonField model = root["model"];
  const std::string type = model["type"].string_or("BPE");
  vocabulary.stages.normalizer = text_of(root["normalizer"]);
  vocabulary.stages.pre_tokenizer = text_of(root["pre_tokenizer"]);
  if (type == "BPE" && is_plain_byte_level(root, vocabulary)) {
    vocabulary.model = "gpt2";
    vocabulary.pre = "quandex-stages";  // a name that other programs refuse
    vocabulary.ignores_merges = model["ignore_merges"].boolean_or(false);
    return;
  }
  vocabulary.model = type == "Unigram"     ? "t5"
                     : type == "WordPiece" ? "bert"
                     : type == "WordLevel" ? "wordlevel"
                                           : "bpe";
  vocabulary.stages.model = settings_of(model, type == "BPE");
}

// Refuses what make_tokenizer() could not run, while the place in the file is known.
void check_stages(const JsonField& root) {
  (void)Normalizer(root["normalizer"]);
  (void)PreTokenizer(root["pre_tokenizer"], PreTokenizer::Bytes::kept);
}

// --- what goes around a text, and the way back ---

void read_post_processor(const JsonField& root, HfVocabulary& vocabulary) {
  const PostProcessor processor(root["post_processor"], static_cast<int>(vocabulary.tokens.all().size()));
  const auto [before, after] = processor.around();
  const bool is_simple = processor.holds_text_once() && before.size() <= 1 && after.size() <= 1;
  vocabulary.post_processor = text_of(root["post_processor"]);
  if (!is_simple) vocabulary.stages.post_processor = vocabulary.post_processor;
  vocabulary.adds_bos = !before.empty();
  vocabulary.adds_eos = processor.holds_text_once() && !after.empty();
  if (!before.empty()) vocabulary.bos = before.front();
  if (!after.empty()) vocabulary.eos = after.back();
}

// Added tokens that ByteLevel reads as bytes although they are text.
bool has_misread_token(const HfVocabulary& vocabulary) {
  return std::ranges::any_of(vocabulary.tokens.all(), [](const HfToken& token) {
    const bool is_text = token.type == TokenType::control || token.type == TokenType::user_defined;
    return is_text && bytes_of_spelled_token(token.text) != token.text;
  });
}

void read_decoder(const JsonField& root, HfVocabulary& vocabulary) {
  (void)TokenDecoder(root["decoder"]);  // refuses what cannot be run
  const auto stages = flat_stages(root["decoder"], "decoders");
  const bool is_byte_level = stages.size() == 1 && stages[0]["type"].string() == "ByteLevel";
  const bool is_implied_bert = vocabulary.model == "bert" && !vocabulary.stages.model;
  const bool is_implied =
      is_implied_bert || (vocabulary.model == "gpt2" && is_byte_level && !has_misread_token(vocabulary));
  if (!is_implied) vocabulary.stages.decoder = text_of(root["decoder"]);
}

}  // namespace

HfVocabulary parse_tokenizer_json(const Json& json, std::string_view source, int n_vocab) {
  const JsonField root(json, source);
  const JsonField model = root["model"];
  model.object();
  const JsonField vocab = model["vocab"];
  const size_t n_tokens = (vocab.is_array() ? vocab.size() : vocab.object().size()) + root["added_tokens"].size();
  HfVocabulary vocabulary{.tokens = HfTokens(n_vocab, n_tokens, source), .model = "gpt2"};
  read_model(root, vocabulary);
  read_added_tokens(root, vocabulary);
  const std::string type = model["type"].string_or("BPE");
  if (type == "WordPiece") find_word_piece_prefix(model, vocabulary);
  const bool is_known = type == "BPE"
                            ? take_byte_level_bpe(root, vocabulary) || take_sentencepiece_bpe(root, vocabulary)
                            : type == "WordPiece" && take_bert(root, vocabulary);
  if (!is_known) check_stages(root);
  if (!is_known) keep_stages(root, vocabulary);
  if (vocabulary.merges_by_rank) score_by_rank(vocabulary);
  set_types(vocabulary);
  read_post_processor(root, vocabulary);
  read_decoder(root, vocabulary);
  return vocabulary;
}

}  // namespace quandex
