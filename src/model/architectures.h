// The whole per-family code: one row for each architecture, which says only what differs from Llama.
//
// GGUF's vocabulary is the interchange form: a Hugging Face config.json is translated into it (hf_config.h), and
// read_config() makes every model from it.
#pragma once

#include <span>
#include <string_view>

#include "model/config.h"
#include "model/hf_config.h"
#include "model/keys.h"

namespace quandex {

// Names of a Hugging Face checkpoint's tensors, where families differ.
enum class HfNames : uint8_t {
  llama,    // two norms a layer, mlp.{gate,up,down}_proj
  mixtral,  // block_sparse_moe.{gate, experts.N.{w1,w2,w3}}
  phi3,     // qkv_proj and mlp.gate_up_proj
  gemma,    // four norms a layer, each holding w where 1 + w is meant
};

struct Architecture {
  std::string_view gguf_name;      // general.architecture; Llama's close relatives share "llama"
  std::string_view hf_class;       // in `architectures` of config.json
  std::string_view hf_model_type;  // `model_type` of config.json
  std::string_view description;    // families known to use it
  void (*configure)(ModelConfig& config, const Keys& keys);  // from GGUF keys: what differs from Llama
  HfNames hf_names = HfNames::llama;
  std::string_view hf_defaults;  // JSON: what the class of transformers assumes for keys that config.json lacks
  // Hugging Face keys that only this family has; null: none.
  void (*translate)(const HfConfig& hf, HfTranslation& out) = nullptr;
  // Layers that GGUF's readers take for windowed where a window is given, and for rotated; null: all of them.
  bool (*gguf_slides)(int layer) = nullptr;
  bool (*gguf_rotates)(int layer) = nullptr;
};

std::span<const Architecture> architectures();

// The first row of that name. Throws Error{unsupported} that names the nearest and all known ones.
const Architecture& find_architecture(std::string_view gguf_name, std::string_view source);
// By `architectures`, else by `model_type`, of a config.json.
const Architecture& find_hf_architecture(std::string_view hf_class, std::string_view model_type,
                                         std::string_view source);

}  // namespace quandex
