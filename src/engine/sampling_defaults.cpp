#include "engine/sampling_defaults.h"

#include <limits>

#include "base/error.h"
#include "base/log.h"

namespace quandex {
namespace {

float real_key(const Metadata& metadata, std::string_view key, float otherwise) {
  return static_cast<float>(metadata.real(key, otherwise));
}

void warn_of_other_samplers(const Metadata& metadata) {
  for (const std::string_view key : {"general.sampling.mirostat", "general.sampling.xtc_probability"})
    if (metadata.real(key, 0) != 0)
      LOG(warn, "load", "{}: {} is set, a way of sampling that is not supported; it is left out", metadata.source(),
          key);
}

}  // namespace

SamplingParams recommended_sampling(const Metadata& metadata, SamplingParams params) {
  params.temperature = real_key(metadata, "general.sampling.temp", params.temperature);
  params.top_p = real_key(metadata, "general.sampling.top_p", params.top_p);
  params.min_p = real_key(metadata, "general.sampling.min_p", params.min_p);
  params.repeat_penalty = real_key(metadata, "general.sampling.penalty_repeat", params.repeat_penalty);
  constexpr std::string_view kTopK = "general.sampling.top_k";
  const int64_t top_k = metadata.integer(kTopK, params.top_k);
  if (top_k > std::numeric_limits<int>::max())
    throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected at most {}", metadata.source(), kTopK, top_k,
                std::numeric_limits<int>::max());
  params.top_k = top_k > 0 ? static_cast<int>(top_k) : 0;  // some files say -1 for none
  try {
    check_sampling_params(params);
  } catch (const Error& error) {
    throw Error(ErrorCode::invalid_file, "{}: general.sampling: {}", metadata.source(), error.what());
  }
  warn_of_other_samplers(metadata);
  return params;
}

}  // namespace quandex
