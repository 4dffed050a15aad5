// Arbitrary bytes as a Hugging Face config.json: an Error, or a configuration whose RoPE tables are finite and of
// bounded size. The weights are shapes only, as a file of that configuration would have them.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/architectures.h"
#include "model/hf_config.h"
#include "model/load.h"

namespace {

using quandex::HostTensor;

void require(bool claim) {
  if (!claim) std::abort();
}

// What read_config looks at: the embedding's shape, and the tensors that a translation makes of numbers.
class StubWeights final : public quandex::WeightSource {
 public:
  explicit StubWeights(const quandex::HfTranslation& translation) {
    HostTensor embedding;
    embedding.shape = {translation.metadata.integer(translation.prefix + "vocab_size"),
                       translation.metadata.integer(translation.prefix + "embedding_length")};
    tensors_["token_embd.weight"] = embedding;
    for (const auto& [name, values] : translation.tensors) {
      HostTensor tensor;
      tensor.shape = {static_cast<int64_t>(values.size())};
      tensor.planes[0] = std::as_bytes(std::span(values));
      tensors_[name] = tensor;
    }
    for (const auto& [name, tensor] : tensors_) names_.push_back(name);
  }
  std::span<const std::string> names() const override { return names_; }
  std::optional<HostTensor> find(std::string_view name) const override {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? std::nullopt : std::optional(found->second);
  }
  std::string_view description() const override { return "fuzz"; }
  void release(std::string_view) const override {}

 private:
  std::map<std::string, HostTensor, std::less<>> tensors_;
  std::vector<std::string> names_;
};

std::string text_of(const quandex::Json& config, std::string_view key) {
  const auto found = config.find(key);
  if (found == config.end()) return "";
  const quandex::Json& value = found->is_array() && !found->empty() ? found->front() : *found;
  return value.is_string() ? value.get<std::string>() : "";
}

void check_config(const quandex::ModelConfig& config) {
  require(!config.layers.empty() && !config.ropes.empty() && config.dim > 0 && config.vocab > 0);
  require(std::isfinite(config.norm_eps) && std::isfinite(config.embed_scale) && config.n_ctx_train > 0);
  for (const quandex::LayerConfig& layer : config.layers) {
    require(std::isfinite(layer.attention.scale) && std::isfinite(layer.attention.softcap));
    require(layer.attention.window >= 0 && static_cast<size_t>(layer.rope) < config.ropes.size());
    require(layer.attention.window == config.kv_group_windows.at(static_cast<size_t>(layer.kv_group)));
    require(layer.routing.n_active <= layer.routing.n_experts);
  }
  for (const quandex::RopeSpec& rope : config.ropes) {
    require(rope.dims <= config.heads().head_dim && std::isfinite(rope.attention_factor));
    if (rope.dims == 0) continue;
    const std::vector<float> tables = rope_tables(rope, config.rope_variant_lengths);
    require(tables.size() <= (size_t{1} << 23));
    require(tables.size() == (config.rope_variant_lengths.size() + 1) * static_cast<size_t>(rope.dims / 2));
    for (const float frequency : tables) require(std::isfinite(frequency) && frequency >= 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const quandex::Json config = quandex::parse_json(text, "fuzz");
    if (!config.is_object()) return 0;
    const quandex::Architecture& architecture =
        quandex::find_hf_architecture(text_of(config, "architectures"), text_of(config, "model_type"), "fuzz");
    std::vector<quandex::ConfigKey> keys;
    const quandex::HfTranslation translation = quandex::translate_hf_config(config, "fuzz", architecture, &keys);
    for (const quandex::ConfigKey& key : keys) require(key.value.size() <= 72);
    check_config(read_config(translation.metadata, StubWeights(translation)));
  } catch (const quandex::Error& error) {
    require(std::string_view(error.what()).starts_with("fuzz: "));
  }
  return 0;
}
