// Module names of Hugging Face checkpoints and what GGUF calls them.
#include <array>
#include <span>
#include <utility>

#include "model/hf_weights.h"

namespace quandex {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;  // Hugging Face, GGUF

constexpr std::array<Pair, 3> kOuter{{{"embed_tokens", "token_embd"}, {"norm", "output_norm"}, {"lm_head", "output"}}};

// The first spelling of a GGUF name is the one that messages use.
constexpr std::array<Pair, 21> kLayer{{{"input_layernorm", "attn_norm"},
                                       {"post_attention_layernorm", "ffn_norm"},
                                       {"self_attn.q_proj", "attn_q"},
                                       {"self_attn.k_proj", "attn_k"},
                                       {"self_attn.v_proj", "attn_v"},
                                       {"self_attn.qkv_proj", "attn_qkv"},
                                       {"self_attn.o_proj", "attn_output"},
                                       {"self_attn.q_norm", "attn_q_norm"},
                                       {"self_attn.k_norm", "attn_k_norm"},
                                       {"mlp.gate_proj", "ffn_gate"},
                                       {"mlp.up_proj", "ffn_up"},
                                       {"mlp.gate_up_proj", "ffn_up"},
                                       {"mlp.down_proj", "ffn_down"},
                                       {"mlp.gate", "ffn_gate_inp"},
                                       {"block_sparse_moe.gate", "ffn_gate_inp"},
                                       {"mlp.experts.gate_up_proj", "ffn_gate_up_exps"},
                                       {"mlp.experts.down_proj", "ffn_down_exps"},
                                       {"mlp.switch_mlp.gate_proj", "ffn_gate_exps"},
                                       {"mlp.switch_mlp.up_proj", "ffn_up_exps"},
                                       {"mlp.switch_mlp.down_proj", "ffn_down_exps"},
                                       {"self_attn.rotary_emb", ""}}};

constexpr std::array<Pair, 4> kGemmaNorms{{{"post_attention_layernorm", "post_attention_norm"},
                                           {"pre_feedforward_layernorm", "ffn_norm"},
                                           {"post_feedforward_layernorm", "post_ffw_norm"},
                                           {"input_layernorm", "attn_norm"}}};

// Of one expert: after "experts.N."; Mixtral's own spelling last.
constexpr std::array<Pair, 6> kExpert{{{"gate_proj", "ffn_gate"},
                                       {"up_proj", "ffn_up"},
                                       {"down_proj", "ffn_down"},
                                       {"w1", "ffn_gate"},
                                       {"w3", "ffn_up"},
                                       {"w2", "ffn_down"}}};

template <size_t n>
std::string_view gguf_of(const std::array<Pair, n>& pairs, std::string_view hf) {
  for (const auto& [name, gguf] : pairs)
    if (name == hf) return gguf;
  return {};
}
template <size_t n>
std::string_view hf_of(const std::array<Pair, n>& pairs, std::string_view gguf) {
  for (const auto& [name, known] : pairs)
    if (known == gguf) return name;
  return {};
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 6 && text.find_first_not_of("0123456789") == text.npos &&
         (text == "0" || text.front() != '0');
}

// Removes `prefix` from the front of `name` where it is there.
bool strip(std::string_view& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  return true;
}

std::string layer_stem(std::string_view rest, HfNames names) {
  if (names == HfNames::gemma)
    if (const auto norm = gguf_of(kGemmaNorms, rest); !norm.empty()) return std::string(norm);
  if (const auto known = gguf_of(kLayer, rest); !known.empty()) return std::string(known);
  std::string_view expert = rest;
  if (names == HfNames::mixtral && strip(expert, "block_sparse_moe.switch_mlp."))
    return layer_stem("mlp.switch_mlp." + std::string(expert), HfNames::llama);
  if (!strip(expert, "mlp.experts.") && !strip(expert, "block_sparse_moe.experts.")) return {};
  const size_t dot = expert.find('.');
  if (dot == expert.npos || !is_number(expert.substr(0, dot))) return {};
  const std::string_view matrix = gguf_of(kExpert, expert.substr(dot + 1));
  return matrix.empty() ? "" : std::string(matrix) + "." + std::string(expert.substr(0, dot));
}

}  // namespace

std::optional<std::string> gguf_stem(std::string_view hf_module, HfNames names) {
  std::string_view rest = hf_module;
  // Models with further parts keep the language model under a name of its own, and bare models leave "model" out.
  strip(rest, "language_model.");
  strip(rest, "model.");
  strip(rest, "language_model.");
  if (const auto outer = gguf_of(kOuter, rest); !outer.empty()) return std::string(outer);
  if (!strip(rest, "layers.")) return std::nullopt;
  const size_t dot = rest.find('.');
  if (dot == rest.npos || !is_number(rest.substr(0, dot))) return std::nullopt;
  const std::string stem = layer_stem(rest.substr(dot + 1), names);
  if (stem.empty()) return std::nullopt;
  return "blk." + std::string(rest.substr(0, dot)) + "." + stem;
}

namespace {

// "ffn_gate.7": the matrix of one expert.
std::string expert_module(std::string_view stem, HfNames names) {
  const size_t dot = stem.find('.');
  if (dot == stem.npos || !is_number(stem.substr(dot + 1))) return {};
  const bool is_mixtral = names == HfNames::mixtral;
  const auto spellings = std::span(kExpert).subspan(is_mixtral ? 3 : 0, 3);
  for (const auto& [hf, gguf] : spellings)
    if (gguf == stem.substr(0, dot))
      return std::string(is_mixtral ? "block_sparse_moe.experts." : "mlp.experts.") +
             std::string(stem.substr(dot + 1)) + "." + std::string(hf);
  return {};
}

}  // namespace

std::string hf_module(std::string_view gguf_stem, HfNames names) {
  if (gguf_stem == "output") return "lm_head";
  if (const auto outer = hf_of(kOuter, gguf_stem); !outer.empty()) return "model." + std::string(outer);
  std::string_view rest = gguf_stem;
  if (!strip(rest, "blk.")) return std::string(gguf_stem);
  const size_t dot = rest.find('.');
  if (dot == rest.npos) return std::string(gguf_stem);
  const std::string layer(rest.substr(0, dot));
  rest.remove_prefix(dot + 1);
  std::string_view module = names == HfNames::gemma ? hf_of(kGemmaNorms, rest) : std::string_view{};
  if (names == HfNames::phi3 && rest == "ffn_up") module = "mlp.gate_up_proj";
  if (names == HfNames::mixtral && rest == "ffn_gate_inp") module = "block_sparse_moe.gate";
  if (module.empty()) module = hf_of(kLayer, rest);
  const std::string prefix = "model.layers." + layer + ".";
  if (!module.empty()) return prefix + std::string(module);
  const std::string expert = expert_module(rest, names);
  return expert.empty() ? std::string(gguf_stem) : prefix + expert;
}

}  // namespace quandex
