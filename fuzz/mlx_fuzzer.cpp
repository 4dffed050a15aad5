// Arbitrary bytes as the config.json of a fixed, tiny MLX checkpoint: an Error, or tensors that lie in the file, whose
// rows can be decoded, and a model whose shapes are checked. tools/make_config_corpus.py makes seeds of that shape.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "format/safetensors_image.h"
#include "model/architectures.h"
#include "model/hf_weights.h"
#include "model/load.h"

namespace {

void require(bool claim) {
  if (!claim) std::abort();
}

// A Llama of one layer, width 64, with 2 heads of 32, a feed-forward of 64 and 32 tokens, in 4 bits and groups of 32;
// its output matrix has 8 bits, its down projection none.
std::string tiny_checkpoint() {
  quandex::SafetensorsImage image;
  const auto quantized = [&](const std::string& module, int64_t rows, int64_t bits) {
    image.tensor(module + ".weight", "U32", {rows, 64 * bits / 32});
    image.tensor(module + ".scales", "F16", {rows, 2}).tensor(module + ".biases", "F16", {rows, 2});
  };
  quantized("model.embed_tokens", 32, 4);
  quantized("lm_head", 32, 8);
  const std::string layer = "model.layers.0.";
  for (const char* module :
       {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj"})
    quantized(layer + module, 64, 4);
  image.tensor(layer + "mlp.down_proj.weight", "BF16", {64, 64});
  for (const char* norm : {"model.norm", "model.layers.0.input_layernorm", "model.layers.0.post_attention_layernorm"})
    image.tensor(std::string(norm) + ".weight", "F16", {64});
  return image.bytes();
}

// The path of a file in memory that lives as long as the program.
const std::string& checkpoint_path() {
  static const std::string path = [] {
    const std::string bytes = tiny_checkpoint();
    const int fd = ::memfd_create("mlx", 0);
    require(fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    return "/proc/self/fd/" + std::to_string(fd);
  }();
  return path;
}

void read_model(const quandex::Json& config) {
  const quandex::Architecture& architecture = quandex::find_hf_architecture("LlamaForCausalLM", "llama", "fuzz");
  const quandex::HfTranslation translation = quandex::translate_hf_config(config, "fuzz", architecture);
  const quandex::HfWeights weights(std::make_unique<quandex::SafetensorsFiles>(checkpoint_path()), config, "fuzz",
                                   architecture, translation);
  for (const std::string& name : weights.names()) {
    const auto tensor = weights.find(name);
    if (!tensor) continue;
    require(quandex::holds_rows(*tensor, tensor->rows()));
    std::vector<float> row(static_cast<size_t>(tensor->cols()));
    decode_row(*tensor, tensor->rows() - 1, row);
    weights.release(name);
  }
  unused_tensors(read_config(translation.metadata, weights), weights);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const quandex::Json config = quandex::parse_json(text, "fuzz");
    if (!config.is_object()) return 0;
    if (const auto quantization = quandex::read_quantization(config, "fuzz")) {
      const auto settings = quantization->of("model.embed_tokens");
      require(quandex::affine_dtype(settings.bits, settings.group_size, quandex::DType::f16).has_value());
    }
    read_model(config);
  } catch (const quandex::Error& error) {
    const std::string_view message = error.what();
    require(message.starts_with("fuzz: ") || message.starts_with("/proc/self/fd/"));
  }
  return 0;
}
