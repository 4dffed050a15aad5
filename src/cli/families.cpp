#include "cli/families.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace quandex::cli {
namespace {

constexpr uint32_t bit(FileFamily family) { return 1u << static_cast<unsigned>(family); }

constexpr uint32_t kHub = bit(FileFamily::gguf) | bit(FileFamily::safetensors);  // what hubs have of every model
constexpr uint32_t kHubAndMlx = kHub | bit(FileFamily::mlx);

struct ProvenFamilies {
  std::string_view hf_model_type;
  uint32_t families;
};
constexpr std::array kProven{
    ProvenFamilies{"llama", kHubAndMlx | bit(FileFamily::llama2c)},
    ProvenFamilies{"mistral", kHubAndMlx},
    ProvenFamilies{"mixtral", kHubAndMlx},
    ProvenFamilies{"qwen2", kHubAndMlx},
    ProvenFamilies{"qwen3", kHubAndMlx | bit(FileFamily::qwen3c)},
    ProvenFamilies{"qwen3_moe", kHubAndMlx},
    ProvenFamilies{"smollm3", kHubAndMlx},
    ProvenFamilies{"phi3", kHubAndMlx},
    ProvenFamilies{"gemma2", kHubAndMlx},
    ProvenFamilies{"gemma3_text", kHubAndMlx},
};

bool is_plain(DType type) { return type == DType::f32 || type == DType::f16 || type == DType::bf16; }

}  // namespace

bool is_proven(const Architecture& architecture, FileFamily family) {
  const auto found = std::find_if(kProven.begin(), kProven.end(), [&](const ProvenFamilies& row) {
    return row.hf_model_type == architecture.hf_model_type;
  });
  return found != kProven.end() && (found->families & bit(family)) != 0;
}

bool can_hold(FileFamily family, const Format& format) {
  switch (family) {
    case FileFamily::gguf:
      return format.gguf_id != kNoGgufId;
    case FileFamily::safetensors:
      return is_plain(format.type);
    case FileFamily::mlx:
      return is_plain(format.type) || affine_layout(format.type).has_value();
    case FileFamily::qwen3c:  // norms are f32
      return format.type == DType::f32 || q8_f32_dtype(format.block_values) == format.type;
    case FileFamily::llama2c:
      return format.type == DType::f32;
  }
  return false;
}

}  // namespace quandex::cli
