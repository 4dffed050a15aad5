// The tensors of a Hugging Face or MLX folder under GGUF's names.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/safetensors_files.h"
#include "format/weight_source.h"
#include "model/architectures.h"

namespace quandex {

// The GGUF name of a tensor without its suffix (".weight", ".bias", …): "model.layers.3.self_attn.q_proj" gives
// "blk.3.attn_q", an expert's "blk.3.ffn_gate.7". Nothing for modules that no architecture here has.
std::optional<std::string> gguf_stem(std::string_view hf_module, HfNames names);

// The Hugging Face name of what GGUF calls `stem`, for messages; the stem itself where there is none.
std::string hf_module(std::string_view gguf_stem, HfNames names);

// MLX's `quantization`: a module is quantized where it has scales; paths may differ from the whole.
struct MlxQuantization {
  struct Settings {
    int bits = 4, group_size = 64;
  };
  Settings common;
  std::map<std::string, Settings, std::less<>> modules;

  Settings of(std::string_view module) const;
};

// What config.json says of quantization: nothing, MLX's affine kinds, or Error{unsupported} naming the method.
std::optional<MlxQuantization> read_quantization(const Json& config, const std::string& source);

// Error{unsupported} naming a method of other programs; `source` says so.
[[noreturn]] void refuse_quantization(const std::string& source, std::string_view method);

class HfWeights final : public WeightSource {
 public:
  // `translation` gives tensors that are not in the files and says which biases must be there.
  HfWeights(std::unique_ptr<SafetensorsFiles> files, const Json& config, const std::string& source,
            const Architecture& architecture, const HfTranslation& translation);

  std::span<const std::string> names() const override { return names_; }
  std::optional<HostTensor> find(std::string_view name) const override;
  std::string_view description() const override { return description_; }
  std::string name_in_file(std::string_view name) const override;
  void release(std::string_view name) const override;

  const SafetensorsFiles& files() const { return *files_; }
  bool is_quantized() const { return quantization_.has_value(); }

 private:
  struct Entry {
    std::string file_name;  // of the tensor with the values or codes
    std::optional<HostTensor> tensor;
    std::string reason;  // why there is none, of tensors that a model wants
  };

  void add_file_tensor(const SafetensorsTensor& tensor, bool is_tied, const HfTranslation& translation);
  Entry make_entry(const SafetensorsTensor& tensor, std::string_view module) const;
  HostTensor quantized(const SafetensorsTensor& codes, std::string_view module) const;
  void require_biases(const HfTranslation& translation) const;
  void add(const std::string& name, Entry entry);

  std::unique_ptr<SafetensorsFiles> files_;
  std::string description_;
  HfNames hf_names_;
  std::optional<MlxQuantization> quantization_;
  std::vector<std::unique_ptr<std::vector<float>>> made_;  // what the translation gave
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<std::string> names_;
};

}  // namespace quandex
