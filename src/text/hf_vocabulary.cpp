#include "text/hf_vocabulary.h"

#include "base/error.h"
#include "base/file_map.h"
#include "text/hf_vocabulary_parts.h"

namespace quandex {
namespace {

namespace fs = std::filesystem;

// Llama 3's and Qwen's first releases have a file of this name that is a list of base64 texts and ranks.
bool is_tiktoken(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 64));
  return text.starts_with("IQ== 0\n");
}

HfVocabulary read_sentencepiece(const fs::path& path, const HfFolder& files, int n_vocab) {
  const MappedFile file(path);
  if (is_tiktoken(file.bytes()))
    throw Error(ErrorCode::unsupported,
                "{}: found tiktoken's list of ranks, expected SentencePiece, or a tokenizer.json", path.string());
  HfVocabulary vocabulary = parse_sentencepiece_model(file.bytes(), path.string(), n_vocab);
  // Llama's tokenizer calls SentencePiece for each text between tokens that it matches itself, later ones once.
  if (vocabulary.model == "llama" && !files.tokenizer_config.field()["legacy"].boolean_or(true))
    vocabulary.space_prefix = SpacePrefix::first_part;
  return vocabulary;
}

HfVocabulary read_vocabulary(const fs::path& folder, const HfFolder& files, int n_vocab) {
  if (const fs::path path = folder / "tokenizer.json"; fs::is_regular_file(path))
    return parse_tokenizer_json(read_json_file(path), path.string(), n_vocab);
  if (const fs::path path = folder / "tokenizer.model"; fs::is_regular_file(path))
    return read_sentencepiece(path, files, n_vocab);
  std::string others;
  for (const char* name : {"tekken.json", "vocab.json", "tokenizer.model.v3", "qwen.tiktoken"})
    if (fs::is_regular_file(folder / name)) others += fmt::format(", found {}, which is not read", name);
  throw Error(ErrorCode::not_found, "{}: no tokenizer: neither tokenizer.json nor tokenizer.model is there{}",
              folder.string(), others);
}

}  // namespace

void add_hf_vocabulary(const fs::path& folder, int n_vocab, Metadata& metadata) {
  const HfFolder files(folder);
  HfVocabulary vocabulary = read_vocabulary(folder, files, n_vocab);
  apply_special_tokens(files, vocabulary, metadata);
  write_vocabulary(vocabulary, metadata);
  add_recommended_sampling(files, metadata);
  add_chat_templates(folder, files.tokenizer_config.field(), metadata);
}

}  // namespace quandex
