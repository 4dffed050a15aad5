#include "model/checkpoint.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/file_map.h"
#include "format/llama2c.h"
#include "format/qwen3c.h"
#include "format/safetensors_files.h"
#include "model/architectures.h"
#include "model/hf_weights.h"
#include "model/load.h"

namespace quandex {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kKnownFiles =
    "a GGUF file, a .safetensors file or a folder with config.json and .safetensors files (Hugging Face or MLX), a "
    "qwen3.c or llama2.c .bin";

std::string text_at(std::span<const std::byte> bytes, size_t n) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), std::min(n, bytes.size()));
}

// Says what a file is that none of the readers takes.
[[noreturn]] void refuse_file(const fs::path& path, std::span<const std::byte> bytes) {
  const std::string start = text_at(bytes, 4);
  const std::array<std::pair<std::string_view, std::string_view>, 5> kOthers{
      {{"tjgg", "a GGML file of before GGUF (GGJT)"},
       {"lmgg", "a GGML file of before GGUF"},
       {"fmgg", "a GGML file of before GGUF (GGMF)"},
       {"PK\x03\x04", "a PyTorch pickle archive, which can run code when it is read"},
       {"\x80\x02\x8a\x0a", "a PyTorch pickle, which can run code when it is read"}}};
  for (const auto& [magic, what] : kOthers)
    if (start == magic)
      throw Error(ErrorCode::unsupported,
                  "{}: this is {}: not supported; convert the original model to GGUF or "
                  "safetensors with its own tools",
                  path.string(), what);
  std::string shown;
  for (const std::byte byte : bytes.subspan(0, std::min<size_t>(8, bytes.size())))
    shown += fmt::format("{}{:02x}", shown.empty() ? "" : " ", std::to_integer<int>(byte));
  throw Error(ErrorCode::invalid_file, "{}: not a model file that is known ({} bytes, the first {}); expected {}",
              path.string(), bytes.size(), shown.empty() ? "of none" : shown, kKnownFiles);
}

// The one GGUF of a folder (of a split one, the first part); nothing where there is none or more than one.
fs::path only_gguf(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool is_later_part = name.find("-of-") != name.npos && name.find("-00001-of-") == name.npos;
    if (name.ends_with(".gguf") && !name.starts_with(".") && !is_later_part) found.push_back(entry.path());
  }
  return found.size() == 1 ? found.front() : fs::path();
}

std::string first_class(const Json& config) {
  const auto found = config.find("architectures");
  if (found == config.end() || !found->is_array() || found->empty() || !found->front().is_string()) return "";
  return found->front().get<std::string>();
}

std::string model_type(const Json& config) {
  const auto found = config.find("model_type");
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

// Methods that were described in a file of their own before config.json had a place for them.
void refuse_quantization_beside(const fs::path& folder) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kFiles{
      {{"quantize_config.json", "gptq"}, {"quant_config.json", "awq"}, {"hf_quant_config.json", "modelopt"}}};
  std::error_code ignored;
  for (const auto& [file, method] : kFiles)
    if (fs::exists(folder / file, ignored)) refuse_quantization((folder / file).string(), method);
}

// Keys of GGUF files that change nothing a step computes.
bool has_no_effect(std::string_view key) {
  constexpr std::array<std::string_view, 4> kEndings{".vocab_size", ".rope.scaling.finetuned", ".tensor_data_layout",
                                                     ".attention.causal"};
  return key.starts_with("general.") ||
         std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view end) { return key.ends_with(end); });
}

std::string shown_value(const MetaValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value))
    return '"' + (text->size() > 70 ? text->substr(0, 67) + "..." : *text) + '"';
  if (const auto* array = std::get_if<MetaArray>(&value.value))
    return fmt::format("{} x {}", array->count, meta_type_name(array->element));
  if (const auto* flag = std::get_if<bool>(&value.value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<double>(&value.value)) return fmt::format("{:g}", *number);
  if (const auto* number = std::get_if<int64_t>(&value.value)) return std::to_string(*number);
  return std::to_string(std::get<uint64_t>(value.value));
}

}  // namespace

std::string_view file_family_name(FileFamily family) {
  constexpr std::array<std::string_view, 5> kNames{"GGUF", "safetensors", "MLX", "qwen3.c", "llama2.c"};
  return kNames[static_cast<size_t>(family)];
}

Checkpoint::Checkpoint(const fs::path& path) : path_(path), folder_(path.parent_path()) {
  if (folder_.empty()) folder_ = ".";
  std::error_code ignored;
  const std::string name = path.filename().string();
  const bool is_folder = fs::is_directory(path, ignored);
  if (is_folder) folder_ = path;
  if (is_folder && !fs::exists(path / "config.json", ignored)) {
    path_ = only_gguf(path);
    if (path_.empty())
      throw Error(ErrorCode::not_found,
                  "{}: a folder without config.json and without exactly one GGUF file; expected {}", path.string(),
                  kKnownFiles);
    open_file();
  } else if (is_folder || name == "config.json") {
    open_folder(folder_);
  } else if (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json")) {
    open_folder(path);
  } else {
    open_file();
  }
}

Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

void Checkpoint::open_file() {
  const MappedFile map(path_);  // the readers map it again, which costs nothing
  const std::span<const std::byte> bytes = map.bytes();
  const auto keep = [&](auto file) {
    metadata_ = file->metadata();
    size_bytes_ = file->size_bytes();
    weights_ = std::move(file);
  };
  if (text_at(bytes, 4) == "GGUF") return keep(std::make_unique<GgufFile>(path_));
  if (looks_like_qwen3c(bytes)) {
    family_ = FileFamily::qwen3c;
    return keep(std::make_unique<Qwen3cFile>(path_));
  }
  if (!looks_like_llama2c(bytes)) refuse_file(path_, bytes);
  family_ = FileFamily::llama2c;
  keep(std::make_unique<Llama2cFile>(path_));
}

void Checkpoint::open_folder(const fs::path& weights) {
  const fs::path config_path = folder_ / "config.json";
  std::error_code ignored;
  if (!fs::exists(config_path, ignored))
    throw Error(ErrorCode::not_found, "{}: the model's configuration is missing; expected {}", path_.string(),
                config_path.string());
  const std::string source = config_path.string();
  const Json config = read_json_file(config_path);
  if (!config.is_object()) throw Error(ErrorCode::invalid_file, "{}: expected a JSON object", source);
  const Architecture& architecture = find_hf_architecture(first_class(config), model_type(config), source);
  if (!read_quantization(config, source)) refuse_quantization_beside(folder_);  // before anything is mapped
  HfTranslation translation = translate_hf_config(config, source, architecture, &hf_keys_);
  auto files = std::make_unique<SafetensorsFiles>(weights);
  size_bytes_ = files->size_bytes();
  const auto format = std::find_if(files->metadata().begin(), files->metadata().end(),
                                   [](const auto& entry) { return entry.first == "format"; });
  const bool says_mlx = format != files->metadata().end() && format->second == "mlx";
  auto made = std::make_unique<HfWeights>(std::move(files), config, source, architecture, translation);
  family_ = made->is_quantized() || says_mlx ? FileFamily::mlx : FileFamily::safetensors;
  weights_ = std::move(made);
  metadata_ = std::move(translation.metadata);
  const std::string name = fs::absolute(folder_).lexically_normal().filename().string();
  metadata_.set_string("general.name", name.empty() ? folder_.parent_path().filename().string() : name);
}

const GgufFile* Checkpoint::gguf() const {
  return family_ == FileFamily::gguf ? static_cast<const GgufFile*>(weights_.get()) : nullptr;
}

ModelConfig Checkpoint::read_config() const { return quandex::read_config(metadata_, *weights_); }

std::vector<ConfigKey> Checkpoint::config_keys() const {
  if (!hf_keys_.empty()) return hf_keys_;
  std::set<std::string, std::less<>> read;
  quandex::read_config(metadata_, *weights_, &read);
  std::vector<ConfigKey> keys;
  for (const auto& [key, value] : metadata_.entries()) {
    KeyUse use = KeyUse::unknown;
    if (read.contains(key))
      use = KeyUse::used;
    else if (key == "general.architecture" || key == "general.alignment" || key.starts_with("tokenizer.") ||
             key.starts_with("quandex.template.") || key.starts_with("split."))
      use = KeyUse::settled;
    else if (has_no_effect(key))
      use = KeyUse::no_effect;
    keys.push_back({key, shown_value(value), use});
  }
  return keys;
}

}  // namespace quandex
