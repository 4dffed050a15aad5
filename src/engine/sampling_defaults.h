// How a model's makers recommend to sample from it: GGUF's general.sampling.* keys, which Hugging Face's
// generation_config.json is translated to.
#pragma once

#include "engine/sampler.h"
#include "format/metadata.h"

namespace quandex {

// `otherwise` with what the model recommends put in its place. A sampler that is recommended and does not exist here is
// warned of. Throws Error{invalid_file} naming the key, found and expected, for a value out of range.
SamplingParams recommended_sampling(const Metadata& metadata, SamplingParams otherwise);

}  // namespace quandex
