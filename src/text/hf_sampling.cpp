// The sampling that generation_config.json recommends, as GGUF's general.sampling.* keys.
#include <cmath>
#include <limits>

#include "text/hf_vocabulary_parts.h"

namespace quandex {

void add_recommended_sampling(const HfFolder& folder, Metadata& metadata) {
  const JsonField config = folder.generation_config.field();
  // Without do_sample transformers takes the likeliest token and looks at nothing else.
  if (config.is_absent() || !config["do_sample"].boolean_or(false)) return;
  const auto add_real = [&](std::string_view name, std::string_view key) {
    const JsonField field = config[name];
    if (field.is_absent()) return;
    const double value = field.real_or(0);
    if (!std::isfinite(static_cast<float>(value))) field.refuse("a number");
    metadata.set_f32(fmt::format("general.sampling.{}", key), static_cast<float>(value));
  };
  add_real("temperature", "temp");
  add_real("top_p", "top_p");
  add_real("min_p", "min_p");
  add_real("repetition_penalty", "penalty_repeat");
  if (const auto top_k = config["top_k"].optional_integer()) {
    if (*top_k < 0 || *top_k > std::numeric_limits<int32_t>::max()) config["top_k"].refuse("0 (off) or more");
    metadata.set("general.sampling.top_k", {MetaType::i32, *top_k});
  }
}

}  // namespace quandex
