// Arbitrary bytes as a tokenizer.json, and as text for the tokenizer that comes of it.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/json.h"
#include "text/use_vocabulary.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const quandex::Json json = quandex::parse_json(text, "fuzz");
    const int n_vocab = size % 2 == 0 ? 0 : 600;
    quandex::use_vocabulary(quandex::parse_tokenizer_json(json, "fuzz", n_vocab),
                            text.substr(text.size() - text.size() / 4));
  } catch (const quandex::Error& error) {
    quandex::require(std::string_view(error.what()).starts_with("fuzz: "));
  }
  return 0;
}
