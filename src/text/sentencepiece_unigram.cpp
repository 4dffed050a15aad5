#include "text/sentencepiece_unigram.h"

#include "base/utf8.h"

namespace quandex {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

std::string read_bytes(const Metadata& metadata, std::string_view key) {
  const MetaArray* const array = metadata.array(key);
  std::string bytes;
  if (array == nullptr) return bytes;
  if (array->element != MetaType::u8 && array->element != MetaType::i8)
    throw Error(ErrorCode::invalid_file, "{}: {} is an array of {}, expected bytes", metadata.source(), key,
                meta_type_name(array->element));
  for (const std::byte byte : array->scalars) bytes.push_back(static_cast<char>(byte));
  return bytes;
}

}  // namespace

SentencePieceUnigram::SentencePieceUnigram(const Metadata& metadata, std::unique_ptr<const PieceModel> model)
    : source_(metadata.source()),
      adds_space_prefix_(metadata.boolean("tokenizer.ggml.add_space_prefix", true)),
      removes_extra_spaces_(metadata.boolean("tokenizer.ggml.remove_extra_whitespaces", true)),
      model_(std::move(model)) {
  const std::string map = read_bytes(metadata, "tokenizer.ggml.precompiled_charsmap");
  if (!map.empty()) map_.emplace(map, metadata.source());
}

std::string SentencePieceUnigram::normalize(std::string_view text, Beside before, Beside after) const {
  std::string out;
  const bool goes_on_from = before == Beside::user_defined, goes_on = after == Beside::user_defined;
  bool is_after_space = removes_extra_spaces_ && !goes_on_from;
  bool needs_prefix = adds_space_prefix_ && !goes_on_from;
  const auto append = [&](std::string_view normal) {
    for (const char c : normal) {
      if (c == ' ' && is_after_space) continue;
      if (needs_prefix) out.append(kSpace);
      needs_prefix = false;
      if (c == ' ')
        out.append(kSpace);
      else
        out.push_back(c);
      is_after_space = removes_extra_spaces_ && c == ' ';
    }
  };
  const size_t max_bytes = 64 * text.size() + (size_t{1} << 20);
  while (!text.empty()) {
    if (out.size() > max_bytes)
      throw Error(ErrorCode::unsupported, "{}: the charsmap makes more than {} bytes of a text, expected less", source_,
                  max_bytes);
    const auto match = map_ ? map_->find_longest(text) : std::nullopt;
    const size_t n_bytes = match ? match->n_bytes : static_cast<size_t>(decode_utf8(text).n_bytes);
    append(match ? match->replacement : text.substr(0, n_bytes));
    text.remove_prefix(n_bytes);
  }
  if (out.empty() && goes_on && needs_prefix) return std::string(kSpace);
  while (removes_extra_spaces_ && !goes_on && out.ends_with(kSpace)) out.resize(out.size() - kSpace.size());
  return out;
}

void SentencePieceUnigram::encode(std::string_view text, Beside before, Beside after, std::vector<int32_t>& ids) const {
  const std::string normal = normalize(text, before, after);
  if (!normal.empty()) model_->encode(normal, ids);
}

}  // namespace quandex
