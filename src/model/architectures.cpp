#include "model/architectures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"

namespace quandex {
namespace {

// ---- from GGUF keys -------------------------------------------------------------------------------------------------

// GGUF keeps the Q and K rows of Llama and its relatives in the order that pairwise rotation wants.
void configure_llama(ModelConfig& config, const Keys& keys) {
  config.storage.qk_rows_interleaved = keys.boolean("quandex.qk_rows_interleaved", true);
}

void configure_qwen2(ModelConfig& config, const Keys&) { config.has_qkv_bias = true; }

void configure_qwen3(ModelConfig& config, const Keys&) { config.has_qk_norm = true; }

void configure_phi3(ModelConfig&, const Keys&) {}

void scale_queries(ModelConfig& config, double squared) {
  for (LayerConfig& layer : config.layers) layer.attention.scale = static_cast<float>(1 / std::sqrt(squared));
}

// What both have; `n_layers_27b` tells the largest model, whose queries are scaled by another width. GGUF has a key for
// neither.
void configure_gemma(ModelConfig& config, const Keys& keys, size_t n_layers_27b) {
  config.activation = Activation::gelu_tanh;
  config.has_post_norms = true;
  config.embed_scale = static_cast<float>(std::sqrt(config.dim));
  config.logit_softcap = static_cast<float>(keys.real("final_logit_softcapping", 0, 1e6, 0));
  if (config.layers.size() == n_layers_27b)
    scale_queries(config, static_cast<double>(config.dim) / config.heads().n_heads);
}

void configure_gemma2(ModelConfig& config, const Keys& keys) {
  configure_gemma(config, keys, 46);
  for (LayerConfig& layer : config.layers)
    layer.attention.softcap = static_cast<float>(keys.real("attn_logit_softcapping", 0, 1e6, 0));
}

// Layers with a window rotate by a base of their own, without scaling.
void configure_gemma3(ModelConfig& config, const Keys& keys) {
  configure_gemma(config, keys, 62);
  config.has_qk_norm = true;
  RopeSpec local;
  local.dims = config.ropes.front().dims;
  local.base = keys.real("rope.freq_base_swa", 1, 1e15, 10000);
  config.ropes.push_back(local);
  for (LayerConfig& layer : config.layers) layer.rope = layer.attention.window > 0 ? 1 : 0;
}

// ---- from Hugging Face keys -----------------------------------------------------------------------------------------

constexpr int64_t kMostWindow = 1 << 30;

// The window where one is set and switched on, else 0.
int window_of(const HfConfig& hf) {
  if (!hf.boolean("use_sliding_window", true)) return 0;
  return static_cast<int>(hf.integer("sliding_window", 1, kMostWindow, 0));
}

// Windows by `layer_types` where it is there, else by `slides`.
template <typename Slides>
void set_windows(const HfConfig& hf, HfTranslation& out, Slides slides) {
  const int window = window_of(hf);
  const auto n = static_cast<size_t>(out.n_layers);
  if (!hf.has("layer_types")) {
    for (size_t i = 0; i < n; ++i) out.windows[i] = slides(static_cast<int>(i)) ? window : 0;
    return;
  }
  const std::vector<std::string> types = hf.texts("layer_types");
  if (types.size() < n)
    throw Error(ErrorCode::invalid_file, "{}: layer_types has {} entries, expected one for each of {} layers",
                hf.source(), types.size(), n);
  for (size_t i = 0; i < n; ++i) {
    if (types[i] != "full_attention" && types[i] != "sliding_attention")
      throw Error(ErrorCode::unsupported,
                  "{}: layer_types[{}] \"{}\" is not supported; supported: full_attention, sliding_attention",
                  hf.source(), i, types[i]);
    out.windows[i] = types[i] == "sliding_attention" ? window : 0;
  }
}

void set_window_everywhere(const HfConfig& hf, HfTranslation& out) {
  std::fill(out.windows.begin(), out.windows.end(), window_of(hf));
}

void translate_llama(const HfConfig& hf, HfTranslation& out) {
  out.attention_bias = hf.boolean("attention_bias", false);
  out.mlp_bias = hf.boolean("mlp_bias", false);
}

void translate_mixtral(const HfConfig& hf, HfTranslation& out) {
  set_window_everywhere(hf, out);
  const int64_t n_experts = hf.integer("num_local_experts", 1, 65536);
  out.set_count("expert_count", n_experts);
  out.set_count("expert_used_count", hf.integer("num_experts_per_tok", 1, n_experts));
}

void translate_qwen2(const HfConfig& hf, HfTranslation& out) {
  const int64_t first = hf.integer("max_window_layers", 0, 1 << 20);
  set_windows(hf, out, [&](int layer) { return layer >= first; });
}

void translate_qwen3(const HfConfig& hf, HfTranslation& out) {
  out.attention_bias = hf.boolean("attention_bias", false);
  translate_qwen2(hf, out);
}

void translate_qwen3moe(const HfConfig& hf, HfTranslation& out) {
  out.attention_bias = hf.boolean("attention_bias", false);
  set_window_everywhere(hf, out);
  const std::string_view key = hf.has("num_local_experts") ? "num_local_experts" : "num_experts";
  const int64_t n_experts = hf.integer(key, 0, 65536), step = hf.integer("decoder_sparse_step", 1, 65536);
  if (n_experts == 0) hf.refuse(key, "1 or more");
  out.set_count("expert_count", n_experts);
  out.set_count("expert_used_count", hf.integer("num_experts_per_tok", 1, n_experts));
  out.set_count("expert_feed_forward_length", hf.integer("moe_intermediate_size", 1, 16'777'216));
  out.metadata.set_bool(out.prefix + "expert_weights_norm", hf.boolean("norm_topk_prob", false));
  const std::vector<int64_t> listed =
      hf.has("mlp_only_layers") ? hf.integers("mlp_only_layers", 0, 65536) : std::vector<int64_t>{};
  std::vector<int32_t> dense;
  for (int layer = 0; layer < out.n_layers; ++layer)
    if ((layer + 1) % step != 0 || std::find(listed.begin(), listed.end(), layer) != listed.end())
      dense.push_back(layer);
  if (!dense.empty()) out.metadata.set_i32s("quandex.dense_layers", dense);
}

void translate_smollm3(const HfConfig& hf, HfTranslation& out) {
  translate_llama(hf, out);
  const auto n = static_cast<size_t>(out.n_layers);
  if (hf.has("no_rope_layers")) {
    const std::vector<int64_t> listed = hf.integers("no_rope_layers", 0, 1);
    if (listed.size() < n)
      throw Error(ErrorCode::invalid_file, "{}: no_rope_layers has {} entries, expected one for each of {} layers",
                  hf.source(), listed.size(), n);
    for (size_t i = 0; i < n; ++i) out.rotates[i] = static_cast<int>(listed[i]);
  } else {
    const auto interval = static_cast<size_t>(hf.integer("no_rope_layer_interval", 1, 65536));
    for (size_t i = 0; i < n; ++i) out.rotates[i] = (i + 1) % interval != 0;
  }
  set_windows(hf, out, [&](int layer) { return !out.rotates[static_cast<size_t>(layer)]; });
}

void translate_gemma(const HfConfig& hf, HfTranslation& out, int64_t window_period) {
  if (hf.boolean("use_bidirectional_attention", false)) hf.refuse("use_bidirectional_attention", "false");
  if (hf.text("hidden_activation", "") != "gelu_pytorch_tanh") hf.refuse("hidden_activation", "gelu_pytorch_tanh");
  out.attention_bias = hf.boolean("attention_bias", false);
  out.set_real("attention.scale", 1 / std::sqrt(hf.real("query_pre_attn_scalar", 1e-6, 1e6)));
  out.set_real("final_logit_softcapping", hf.real("final_logit_softcapping", 0, 1e6, 0));
  out.metadata.set_f32("quandex.norm_offset", 1);
  set_windows(hf, out, [&](int layer) { return (layer + 1) % window_period != 0; });
}

void translate_gemma2(const HfConfig& hf, HfTranslation& out) {
  translate_gemma(hf, out, 2);
  out.set_real("attn_logit_softcapping", hf.real("attn_logit_softcapping", 0, 1e6, 0));
}

void translate_gemma3(const HfConfig& hf, HfTranslation& out) {
  translate_gemma(hf, out, hf.integer("sliding_window_pattern", 1, 65536));
  out.set_real("rope.freq_base_swa", hf.real("rope_local_base_freq", 1, 1e15));
}

// ---- what GGUF's readers assume of layers ---------------------------------------------------------------------------

bool slides_from_28(int layer) { return layer >= 28; }  // max_window_layers of every published Qwen2 and Qwen3
bool slides_alternately(int layer) { return layer % 2 == 0; }
bool slides_but_every_sixth(int layer) { return (layer + 1) % 6 != 0; }
bool rotates_but_every_fourth(int layer) { return (layer + 1) % 4 != 0; }

// Defaults of the classes of transformers 5, where checkpoints rely on them.
constexpr std::array kArchitectures{
    Architecture{"llama", "LlamaForCausalLM", "llama",
                 "Llama 2, 3, 3.1, 3.2, 3.3 and compatible (TinyLlama, SmolLM 1 and 2)", configure_llama,
                 HfNames::llama, R"({"rms_norm_eps": 1e-6, "max_position_embeddings": 2048})", translate_llama},
    Architecture{"llama", "MistralForCausalLM", "mistral", "Mistral 7B v0.1 to v0.3, Nemo, Small", configure_llama,
                 HfNames::llama,
                 R"({"num_key_value_heads": 8, "sliding_window": 4096, "rms_norm_eps": 1e-6,
                     "max_position_embeddings": 131072})",
                 set_window_everywhere},
    Architecture{"llama", "MixtralForCausalLM", "mixtral", "Mixtral 8x7B and 8x22B", configure_llama, HfNames::mixtral,
                 R"({"num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2, "rms_norm_eps": 1e-5,
                     "rope_theta": 1000000.0, "max_position_embeddings": 131072})",
                 translate_mixtral},
    Architecture{"qwen2", "Qwen2ForCausalLM", "qwen2", "Qwen2, Qwen2.5, QwQ", configure_qwen2, HfNames::llama,
                 R"({"num_key_value_heads": 32, "use_sliding_window": false, "sliding_window": 4096,
                     "max_window_layers": 28, "rms_norm_eps": 1e-6, "max_position_embeddings": 32768})",
                 translate_qwen2, slides_from_28},
    Architecture{"qwen3", "Qwen3ForCausalLM", "qwen3", "Qwen3 dense, 0.6B to 32B", configure_qwen3, HfNames::llama,
                 R"({"num_key_value_heads": 32, "head_dim": 128, "use_sliding_window": false, "sliding_window": 4096,
                     "max_window_layers": 28, "rms_norm_eps": 1e-6, "max_position_embeddings": 32768})",
                 translate_qwen3, slides_from_28},
    Architecture{"qwen3moe", "Qwen3MoeForCausalLM", "qwen3_moe", "Qwen3 mixtures of experts, 30B-A3B and 235B-A22B",
                 configure_qwen3, HfNames::llama,
                 R"({"num_key_value_heads": 4, "use_sliding_window": false, "sliding_window": 4096, "num_experts": 128,
                     "num_experts_per_tok": 8, "moe_intermediate_size": 768, "decoder_sparse_step": 1,
                     "norm_topk_prob": false, "rms_norm_eps": 1e-6, "max_position_embeddings": 32768})",
                 translate_qwen3moe},
    Architecture{"smollm3", "SmolLM3ForCausalLM", "smollm3", "SmolLM3 3B", configure_llama, HfNames::llama,
                 R"({"num_key_value_heads": 4, "use_sliding_window": false, "no_rope_layer_interval": 4,
                     "tie_word_embeddings": true, "rms_norm_eps": 1e-6, "rope_theta": 2000000.0,
                     "max_position_embeddings": 32768})",
                 translate_smollm3, nullptr, rotates_but_every_fourth},
    Architecture{"phi3", "Phi3ForCausalLM", "phi3", "Phi-3 and Phi-3.5 mini and medium, Phi-4 and Phi-4 mini",
                 configure_phi3, HfNames::phi3,
                 R"({"original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "max_position_embeddings": 4096})",
                 set_window_everywhere},
    Architecture{"gemma2", "Gemma2ForCausalLM", "gemma2", "Gemma 2, 2B to 27B", configure_gemma2, HfNames::gemma,
                 R"({"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "sliding_window": 4096,
                     "query_pre_attn_scalar": 256, "final_logit_softcapping": 30.0, "attn_logit_softcapping": 50.0,
                     "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": true, "rms_norm_eps": 1e-6,
                     "max_position_embeddings": 8192})",
                 translate_gemma2, slides_alternately},
    Architecture{"gemma3", "Gemma3ForCausalLM", "gemma3_text", "Gemma 3, 270M to 27B (text)", configure_gemma3,
                 HfNames::gemma,
                 R"({"vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
                     "sliding_window": 4096, "sliding_window_pattern": 6, "query_pre_attn_scalar": 256,
                     "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": true, "rms_norm_eps": 1e-6,
                     "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "max_position_embeddings": 131072})",
                 translate_gemma3, slides_but_every_sixth},
    Architecture{"gemma3", "Gemma3ForConditionalGeneration", "gemma3", "Gemma 3, 4B to 27B: the language model alone",
                 configure_gemma3, HfNames::gemma,
                 R"({"vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
                     "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "sliding_window": 4096,
                     "sliding_window_pattern": 6, "query_pre_attn_scalar": 256,
                     "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": true, "rms_norm_eps": 1e-6,
                     "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "max_position_embeddings": 131072})",
                 translate_gemma3, slides_but_every_sixth},
};

// Throws for a name that no row has.
[[noreturn]] void throw_unknown(std::string_view source, std::string_view name,
                                std::string_view Architecture::* field) {
  std::vector<std::string> names;
  std::string known;
  for (const Architecture& row : kArchitectures) {
    if (std::find(names.begin(), names.end(), row.*field) != names.end()) continue;
    names.emplace_back(row.*field);
    known += (known.empty() ? "" : ", ") + names.back();
  }
  const std::string_view near = nearest(name, names);
  throw Error(ErrorCode::unsupported, "{}: architecture \"{}\" is not supported{}; supported: {}", source, name,
              near.empty() ? "" : fmt::format(" (nearest: {})", near), known);
}

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture& find_architecture(std::string_view gguf_name, std::string_view source) {
  for (const Architecture& row : kArchitectures)
    if (row.gguf_name == gguf_name) return row;
  throw_unknown(source, gguf_name, &Architecture::gguf_name);
}

const Architecture& find_hf_architecture(std::string_view hf_class, std::string_view model_type,
                                         std::string_view source) {
  for (const Architecture& row : kArchitectures)
    if (row.hf_class == hf_class) return row;
  if (!hf_class.empty()) throw_unknown(source, hf_class, &Architecture::hf_class);
  for (const Architecture& row : kArchitectures)
    if (row.hf_model_type == model_type) return row;
  throw_unknown(source, model_type, &Architecture::hf_model_type);
}

}  // namespace quandex
