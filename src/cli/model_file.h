// A checkpoint together with its tokenizer, whatever files they are in.
#pragma once

#include <string>

#include "format/dtype.h"
#include "format/metadata.h"
#include "format/weight_source.h"
#include "model/checkpoint.h"

namespace quandex::cli {

enum class NeedsTokenizer : uint8_t { yes, no };

// Opens a checkpoint and adds the keys of its tokenizer to its metadata. A tokenizer that is missing or cannot be read
// is an Error where it is needed, and a warning where not.
Checkpoint open_model(const std::string& path, NeedsTokenizer needs);

// The metadata of what has a tokenizer: a checkpoint, or a tokenizer.json or a folder of one without any weights.
Metadata open_tokenizer(const std::string& path);

// The type that most bytes of a model's matrices have.
DType main_type(const WeightSource& weights);

// What the positional argument MODEL takes, for help texts.
inline constexpr const char* kModelHelp = "A GGUF file, a Hugging Face or MLX folder, or a qwen3.c or llama2.c .bin";
inline constexpr const char* kTokenizerHelp = "The same as of other verbs, or a tokenizer.json, or a folder of one";

}  // namespace quandex::cli
