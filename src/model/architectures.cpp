#include "model/architectures.h"

#include <array>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"

namespace quandex {
namespace {

// GGUF keeps Llama's Q and K rows in the order that pairwise rotation wants.
void configure_llama(ModelConfig& config, const Metadata&) { config.qk_rows_interleaved = true; }

void configure_qwen3(ModelConfig& config, const Metadata&) { config.has_qk_norm = true; }

constexpr std::array kArchitectures{
    Architecture{"llama", "LlamaForCausalLM", "Llama 2, 3, 3.1, 3.2, 3.3 and compatible (TinyLlama, SmolLM 1 and 2)",
                 configure_llama},
    Architecture{"qwen3", "Qwen3ForCausalLM", "Qwen3 dense, 0.6B to 32B", configure_qwen3},
};

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture& find_architecture(std::string_view gguf_name, std::string_view source) {
  std::vector<std::string> names;
  std::string known;
  for (const Architecture& row : kArchitectures) {
    if (row.gguf_name == gguf_name) return row;
    names.emplace_back(row.gguf_name);
    known += (known.empty() ? "" : ", ") + std::string(row.gguf_name);
  }
  const std::string_view near = nearest(gguf_name, names);
  throw Error(ErrorCode::unsupported, "{}: architecture \"{}\" is not supported{}; supported: {}", source, gguf_name,
              near.empty() ? "" : fmt::format(" (nearest: {})", near), known);
}

}  // namespace quandex
