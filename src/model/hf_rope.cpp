// RoPE as Hugging Face configurations spell it: `rope_theta` beside `rope_scaling`, or both in `rope_parameters`, which
// may have one part for layers with full attention and one for those with a window.
#include <cmath>

#include "base/error.h"
#include "model/hf_config.h"
#include "model/rope.h"

namespace quandex {
namespace {

constexpr double kMostTheta = 1e15, kMostFactor = 1e6;

std::string kind_of(const HfConfig& rope) { return rope.text("rope_type", rope.text("type", "default")); }

int64_t original_context(const HfConfig& hf, const HfConfig& rope) {
  constexpr std::string_view kKey = "original_max_position_embeddings";
  if (hf.has(kKey)) return hf.integer(kKey, 2, 1 << 28);
  return rope.integer(kKey, 2, 1 << 28, hf.integer("max_position_embeddings", 2, 1 << 28));
}

void set_scaling(HfTranslation& out, std::string_view type, double factor, int64_t original) {
  out.metadata.set_string(out.prefix + "rope.scaling.type", std::string(type));
  out.set_real("rope.scaling.factor", factor);
  if (original > 0) out.set_count("rope.scaling.original_context_length", original);
}

void translate_llama3(const HfConfig& hf, const HfConfig& rope, double theta, HfTranslation& out) {
  const double low = rope.real("low_freq_factor", 1e-6, 1e6), high = rope.real("high_freq_factor", 1e-6, 1e6);
  if (!(high > low))
    throw Error(ErrorCode::invalid_file, "{}: RoPE high_freq_factor {} is not above low_freq_factor {}", hf.source(),
                high, low);
  out.tensors["rope_freqs.weight"] = llama3_rope_factors(out.head_dim, theta, rope.real("factor", 1, kMostFactor), low,
                                                         high, static_cast<double>(original_context(hf, rope)));
}

void translate_yarn(const HfConfig& hf, const HfConfig& rope, HfTranslation& out) {
  const int64_t original = original_context(hf, rope);
  const double stretch =
      static_cast<double>(hf.integer("max_position_embeddings", 1, 1 << 30)) / static_cast<double>(original);
  const double factor = rope.real("factor", 1, kMostFactor, stretch);
  set_scaling(out, "yarn", factor, original);
  double attention = default_yarn_attention_factor(factor);
  const double scale = rope.real("mscale", 0, 1e3, 0), scale_all = rope.real("mscale_all_dim", 0, 1e3, 0);
  if (scale != 0 && scale_all != 0 && factor > 1)
    attention = (0.1 * scale * std::log(factor) + 1) / (0.1 * scale_all * std::log(factor) + 1);
  attention = rope.real("attention_factor", 0, 1e3, attention);
  const double relative = attention / default_yarn_attention_factor(factor);
  if (relative != 1) out.set_real("rope.scaling.attn_factor", relative);
  // transformers reads 0 as absent.
  const double fast = rope.real("beta_fast", 0, 1e6, 0), slow = rope.real("beta_slow", 0, 1e6, 0);
  if (fast != 0) out.set_real("rope.scaling.yarn_beta_fast", fast);
  if (slow != 0) out.set_real("rope.scaling.yarn_beta_slow", slow);
  if (!rope.boolean("truncate", true)) out.metadata.set_bool("quandex.rope.scaling.truncate", false);
}

void translate_longrope(const HfConfig& hf, const HfConfig& rope, int dims, HfTranslation& out) {
  const int64_t original = original_context(hf, rope);
  const double stretch =
      static_cast<double>(hf.integer("max_position_embeddings", 1, 1 << 30)) / static_cast<double>(original);
  const double factor = rope.real("factor", 1e-6, kMostFactor, stretch);
  // Without rope.scaling.factor: readers of GGUF divide every frequency by it, whatever the type.
  out.metadata.set_string(out.prefix + "rope.scaling.type", "longrope");
  out.set_count("rope.scaling.original_context_length", original);
  out.set_real(
      "rope.scaling.attn_factor",
      rope.real("attention_factor", 0, 1e3, default_longrope_attention_factor(factor, static_cast<int>(original))));
  for (const auto& [key, name] :
       {std::pair{"short_factor", "rope_factors_short.weight"}, std::pair{"long_factor", "rope_factors_long.weight"}}) {
    const std::vector<double> factors = rope.reals(key, 1e-6, kMostFactor);
    if (factors.size() != static_cast<size_t>(dims / 2))
      throw Error(ErrorCode::invalid_file, "{}: RoPE {} has {} factors, expected {}", hf.source(), key, factors.size(),
                  dims / 2);
    out.tensors[name].assign(factors.begin(), factors.end());
  }
}

// One part: kind, theta and what the kind needs.
void translate_scaling(const HfConfig& hf, const HfConfig& rope, double theta, int dims, HfTranslation& out) {
  std::string kind = kind_of(rope);
  const bool is_phi3 = out.prefix == "phi3.";
  if (is_phi3 && (kind == "su" || kind == "yarn")) kind = "longrope";  // early spellings of that family
  if (kind == "default" || kind == "none") return;
  if (kind == "linear") return set_scaling(out, kind, rope.real("factor", 1e-6, kMostFactor), 0);
  if (kind == "llama3") return translate_llama3(hf, rope, theta, out);
  if (kind == "yarn") return translate_yarn(hf, rope, out);
  if (kind == "longrope") return translate_longrope(hf, rope, dims, out);
  if (kind != "dynamic")
    rope.refuse(rope.has("rope_type") ? "rope_type" : "type", "default, linear, dynamic, llama3, yarn, longrope");
  out.metadata.set_string("quandex.rope.scaling.type", kind);
  out.metadata.set_f32("quandex.rope.scaling.factor", static_cast<float>(rope.real("factor", 1, 1024)));
  out.metadata.set_u32("quandex.rope.scaling.original_context_length",
                       static_cast<uint32_t>(hf.integer("max_position_embeddings", 2, 1 << 28)));
}

// Windowed layers of families that rotate them differently: plain RoPE with a base of its own.
void translate_local(const HfConfig& local, HfTranslation& out) {
  if (kind_of(local) != "default") local.refuse("rope_type", "default for layers with a window");
  if (local.has("rope_theta")) out.set_real("rope.freq_base_swa", local.real("rope_theta", 1, kMostTheta));
}

}  // namespace

void translate_rope(const HfConfig& hf, HfTranslation& out) {
  const char* key = hf.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  const double outer_theta = hf.real("rope_theta", 1, kMostTheta, 10000);
  const double outer_share = hf.real("partial_rotary_factor", 0, 1, 1);
  const auto translate = [&](const HfConfig* rope) {
    const double theta = rope ? rope->real("rope_theta", 1, kMostTheta, outer_theta) : outer_theta;
    const double share = rope ? rope->real("partial_rotary_factor", 0, 1, outer_share) : outer_share;
    if (share != 1 && out.prefix != "phi3.")
      (rope && rope->has("partial_rotary_factor") ? *rope : hf).refuse("partial_rotary_factor", "1");
    const int dims = static_cast<int>(out.head_dim * share);
    out.set_real("rope.freq_base", theta);
    out.set_count("rope.dimension_count", dims);
    if (rope) translate_scaling(hf, *rope, theta, dims, out);
  };
  if (!hf.has(key)) return translate(nullptr);
  const HfConfig rope = hf.object(key);
  if (!rope.is_object("full_attention") && !rope.is_object("sliding_attention")) return translate(&rope);
  if (rope.is_object("sliding_attention")) translate_local(rope.object("sliding_attention"), out);
  const HfConfig full = rope.object("full_attention");
  translate(&full);
}

}  // namespace quandex
