// The whole per-family code: one row for each architecture, which says only what differs from the defaults that
// read_config() fills in.
#pragma once

#include <span>
#include <string_view>

#include "format/metadata.h"
#include "model/config.h"

namespace quandex {

struct Architecture {
  std::string_view gguf_name;    // general.architecture
  std::string_view hf_name;      // class name in a Hugging Face config.json
  std::string_view description;  // families known to use it
  void (*configure)(ModelConfig& config, const Metadata& metadata);
};

std::span<const Architecture> architectures();

// Throws Error{unsupported} that names the nearest and all known ones.
const Architecture& find_architecture(std::string_view gguf_name, std::string_view source);

}  // namespace quandex
