// Arbitrary bytes as a tokenizer.model of SentencePiece, and as text for the tokenizer that comes of it.
#include <cstdint>
#include <span>
#include <string_view>

#include "text/use_vocabulary.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const int n_vocab = size % 2 == 0 ? 0 : 600;
    quandex::use_vocabulary(quandex::parse_sentencepiece_model(std::as_bytes(std::span(data, size)), "fuzz", n_vocab),
                            text.substr(text.size() - text.size() / 8));
  } catch (const quandex::Error& error) {
    quandex::require(std::string_view(error.what()).starts_with("fuzz: "));
  }
  return 0;
}
