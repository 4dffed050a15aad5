// Special tokens: tokenizer_config.json, special_tokens_map.json, generation_config.json and config.json each say a
// part of it, often the same part.
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/shown.h"
#include "text/hf_vocabulary_parts.h"

namespace quandex {
namespace {

HfFolder::File read_if_there(const std::filesystem::path& path) {
  HfFolder::File file{path.string(), {}};
  if (std::filesystem::is_regular_file(path)) {
    file.json = read_json_file(path);
    file.field().object();
  }
  return file;
}

// A special token as a text, or as an object that holds it. Absent where there is none.
JsonField text_of(const JsonField& token) { return token.is_object() ? token["content"] : token; }

// The id that a folder gives a special token: by text in the tokenizer's own files, else by number in those of the
// model. A number beyond the vocabulary is an error where `is_needed`, else no id.
int32_t find_special(const HfFolder& folder, const HfTokens& tokens, std::string_view name, int32_t otherwise,
                     bool is_needed) {
  const std::string text_key = fmt::format("{}_token", name), id_key = fmt::format("{}_token_id", name);
  for (const HfFolder::File* file : {&folder.tokenizer_config, &folder.special_tokens_map}) {
    const JsonField text = text_of(file->field()[text_key]);
    if (text.is_absent() || text.string().empty()) continue;
    if (const auto id = tokens.find(text.string())) return *id;
    if (is_needed) text.refuse("a token of the vocabulary");
  }
  if (otherwise >= 0) return otherwise;
  for (const HfFolder::File* file : {&folder.generation_config, &folder.config}) {
    JsonField id = file->field()[id_key];
    if (id.is_array() && id.size() > 0) id = id[size_t{0}];
    if (id.is_absent() || id.is_array()) continue;
    const int64_t number = id.integer();
    if (number >= 0 && number < static_cast<int64_t>(tokens.all().size())) return static_cast<int32_t>(number);
    if (is_needed && number != -1) id.refuse(fmt::format("an id below {}", tokens.all().size()));
  }
  return -1;
}

void add_id(std::vector<int32_t>& ids, int32_t id) {
  if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
}

// All ids at which the model's own generate() would stop, and the tokenizer's.
std::vector<int32_t> find_eos_ids(const HfFolder& folder, const HfVocabulary& vocabulary) {
  std::vector<int32_t> ids;
  if (vocabulary.eos >= 0) ids.push_back(vocabulary.eos);
  for (const HfFolder::File* file : {&folder.generation_config, &folder.config}) {
    const JsonField eos = file->field()["eos_token_id"];
    const bool is_list = eos.is_array();
    const size_t n_ids = eos.is_absent() ? 0 : is_list ? eos.size() : 1;
    for (size_t i = 0; i < n_ids; ++i) {
      const JsonField id = is_list ? eos[i] : eos;
      const int64_t number = id.integer();
      if (number == -1) continue;
      if (number < 0 || number >= static_cast<int64_t>(vocabulary.tokens.all().size()))
        id.refuse(fmt::format("an id below {}", vocabulary.tokens.all().size()));
      add_id(ids, static_cast<int32_t>(number));
    }
    if (n_ids > 0) break;  // generation_config.json, where it says anything, replaces config.json
  }
  return ids;
}

// added_tokens_decoder: {"32000": {"content": "<|end|>", "special": true, ...}, ...}
void apply_added_tokens(const JsonField& decoder, HfTokens& tokens) {
  if (decoder.is_absent()) return;
  for (const auto& [key, value] : decoder.object()) {
    int32_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0) decoder[key].refuse("its key to be an id");
    tokens.add_matched(decoder[key], id);
  }
}

// added_tokens.json: {"<|end|>": 32000, ...}; the older form, which does not say what is special.
void apply_plain_added_tokens(const JsonField& file, HfTokens& tokens) {
  if (file.is_absent()) return;
  for (const auto& [text, id] : file.object()) {
    if (tokens.find(text)) continue;
    const Json token = {{"content", text}, {"special", true}};
    tokens.add_matched(JsonField(token, file.source()), file[text].integer());
  }
}

}  // namespace

HfFolder::HfFolder(const std::filesystem::path& folder)
    : tokenizer_config(read_if_there(folder / "tokenizer_config.json")),
      special_tokens_map(read_if_there(folder / "special_tokens_map.json")),
      added_tokens(read_if_there(folder / "added_tokens.json")),
      generation_config(read_if_there(folder / "generation_config.json")),
      config(read_if_there(folder / "config.json")) {}

void apply_special_tokens(const HfFolder& folder, HfVocabulary& vocabulary, Metadata& metadata) {
  const JsonField config = folder.tokenizer_config.field();
  HfTokens& tokens = vocabulary.tokens;
  apply_added_tokens(config["added_tokens_decoder"], tokens);
  apply_plain_added_tokens(folder.added_tokens.field(), tokens);

  const int32_t template_bos = vocabulary.bos, template_eos = vocabulary.eos;
  const bool is_template = vocabulary.adds_bos.has_value();  // tokenizer.model has none
  vocabulary.bos = find_special(folder, tokens, "bos", vocabulary.bos, true);
  vocabulary.eos = find_special(folder, tokens, "eos", vocabulary.eos, true);
  vocabulary.padding = find_special(folder, tokens, "pad", vocabulary.padding, false);

  const auto adds = [&](std::string_view name, std::optional<bool> in_template, bool otherwise, int32_t template_id,
                        int32_t id) {
    const JsonField field = config[fmt::format("add_{}_token", name)];
    const bool adds_it = field.boolean_or(in_template.value_or(otherwise));
    // The token that a conversation begins with can be another than the one that goes in front of a prompt.
    if (adds_it && field.is_absent() && is_template && template_id != id) {
      vocabulary.stages.post_processor = vocabulary.post_processor;
      return false;
    }
    return adds_it;
  };
  // Of SentencePiece's files Llama's tokenizer adds BOS, and no EOS, unless told otherwise.
  vocabulary.adds_bos = adds("bos", vocabulary.adds_bos, true, template_bos, vocabulary.bos) && vocabulary.bos >= 0;
  vocabulary.adds_eos = adds("eos", vocabulary.adds_eos, false, template_eos, vocabulary.eos) && vocabulary.eos >= 0;

  const std::vector<int32_t> eos_ids = find_eos_ids(folder, vocabulary);
  if (vocabulary.eos < 0 && !eos_ids.empty()) vocabulary.eos = eos_ids[0];
  if (eos_ids.size() > 1) metadata.set_i32s("quandex.eos_token_ids", eos_ids);
}

}  // namespace quandex
