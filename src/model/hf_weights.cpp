#include "model/hf_weights.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/shown.h"

namespace quandex {
namespace {

constexpr std::string_view kWeight = ".weight", kBias = ".bias", kScales = ".scales", kBiases = ".biases";

std::optional<DType> plain_type(std::string_view dtype) {
  if (dtype == "F32") return DType::f32;
  if (dtype == "F16") return DType::f16;
  if (dtype == "BF16") return DType::bf16;
  return std::nullopt;
}

std::string shape_text(std::span<const int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

bool is_tied(const Json& config, const Architecture& architecture) {
  for (const Json* level : {&config, &text_config(config)}) {
    const auto found = level->find("tie_word_embeddings");
    if (found != level->end() && found->is_boolean()) return found->get<bool>();
  }
  return architecture.hf_defaults.find("\"tie_word_embeddings\": true") != std::string_view::npos;
}

}  // namespace

MlxQuantization::Settings MlxQuantization::of(std::string_view module) const {
  const auto found = modules.find(module);
  return found == modules.end() ? common : found->second;
}

namespace {

MlxQuantization::Settings read_settings(const Json& object, const std::string& where,
                                        MlxQuantization::Settings settings) {
  const Json defaults = Json::object();
  const HfConfig values(object, defaults, where);
  if (values.text("mode", "affine") != "affine")
    throw Error(ErrorCode::unsupported, "{}: MLX quantization mode \"{}\" is not supported; supported: affine", where,
                values.text("mode", ""));
  settings.bits = static_cast<int>(values.integer("bits", 1, 64, settings.bits));
  settings.group_size = static_cast<int>(values.integer("group_size", 1, 65536, settings.group_size));
  if (!affine_dtype(settings.bits, settings.group_size, DType::f32))
    throw Error(
        ErrorCode::unsupported,
        "{}: MLX quantization with {} bits and groups of {} is not supported; supported: 2, 3, 4, 5, 6 or 8 bits "
        "and groups of 32, 64 or 128",
        where, settings.bits, settings.group_size);
  return settings;
}

}  // namespace

void refuse_quantization(const std::string& source, std::string_view method) {
  throw Error(ErrorCode::unsupported,
              "{}: quantization method \"{}\" is not supported; supported: MLX affine (2 to 8 bits), GGUF files, and "
              "checkpoints in F32, F16 or BF16",
              source, shown(method));
}

std::optional<MlxQuantization> read_quantization(const Json& config, const std::string& source) {
  const Json* object = nullptr;
  for (const char* key : {"quantization_config", "quantization"})
    for (const Json* level : {&text_config(config), &config})
      if (const auto found = level->find(key); found != level->end() && !found->is_null()) object = &*found;
  if (object == nullptr) return std::nullopt;
  if (!object->is_object())
    throw Error(ErrorCode::invalid_file, "{}: quantization_config is {}, expected an object", source,
                object->type_name());
  if (const auto method = object->find("quant_method"); method != object->end())
    refuse_quantization(source, method->is_string() ? method->get<std::string>() : method->type_name());
  for (const char* flag : {"load_in_8bit", "load_in_4bit"})  // how bitsandbytes was told before methods had names
    if (object->contains(flag)) refuse_quantization(source, "bitsandbytes");
  if (!object->contains("bits") && !object->contains("group_size"))
    throw Error(ErrorCode::unsupported, "{}: quantization_config has neither quant_method nor bits and group_size",
                source);
  MlxQuantization quantization;
  quantization.common = read_settings(*object, source + ": quantization", {});
  for (const auto& [name, value] : object->items())  // `false`: not quantized, which its tensors say themselves
    if (value.is_object())
      quantization.modules[name] = read_settings(value, source + ": quantization." + name, quantization.common);
  return quantization;
}

HfWeights::HfWeights(std::unique_ptr<SafetensorsFiles> files, const Json& config, const std::string& source,
                     const Architecture& architecture, const HfTranslation& translation)
    : files_(std::move(files)),
      description_(files_->description()),
      hf_names_(architecture.hf_names),
      quantization_(read_quantization(config, source)) {
  const bool tied = is_tied(config, architecture);
  for (const SafetensorsTensor& tensor : files_->tensors()) add_file_tensor(tensor, tied, translation);
  for (const auto& [name, values] : translation.tensors) {
    auto& kept = *made_.emplace_back(std::make_unique<std::vector<float>>(values));
    HostTensor tensor;
    tensor.shape = {static_cast<int64_t>(kept.size())};
    tensor.planes[0] = std::as_bytes(std::span(kept));
    add(name, {source, std::move(tensor), ""});
  }
  if (!tied && !entries_.contains("output.weight"))
    throw Error(ErrorCode::invalid_file,
                "{}: tensor lm_head.weight is missing, and {} does not tie it to the embedding", description_, source);
  require_biases(translation);
}

void HfWeights::add(const std::string& name, Entry entry) {
  const std::string file_name = entry.file_name;
  const auto [place, is_new] = entries_.emplace(name, std::move(entry));
  if (!is_new)
    throw Error(ErrorCode::invalid_file, "{}: tensors {} and {} are two spellings of one", description_,
                place->second.file_name, file_name);
  names_.push_back(name);
}

void HfWeights::add_file_tensor(const SafetensorsTensor& tensor, bool is_tied, const HfTranslation& translation) {
  const std::string_view name = tensor.name;
  // Of a quantized module, the codes speak for all three.
  for (const std::string_view suffix : {kScales, kBiases})
    if (name.ends_with(suffix) &&
        files_->find(std::string(name.substr(0, name.size() - suffix.size())) + std::string(kWeight)) != nullptr)
      return;
  std::string_view module = name, suffix = kWeight;  // stacked experts may have no suffix at all
  for (const std::string_view known : {kWeight, kBias})
    if (name.ends_with(known)) {
      module.remove_suffix(known.size());
      suffix = known;
    }
  std::optional<std::string> stem = gguf_stem(module, hf_names_);
  if (stem && *stem == "output" && is_tied) stem.reset();
  if (stem && suffix == kBias) {
    const bool is_projection = stem->find(".attn_q") != stem->npos || stem->find(".attn_k") != stem->npos ||
                               stem->find(".attn_v") != stem->npos;
    const bool is_attention = is_projection || stem->find(".attn_output") != stem->npos;
    const bool always = translation.prefix == "qwen2." && is_projection;
    if (!always && !(is_attention ? translation.attention_bias : translation.mlp_bias)) stem.reset();
  }
  Entry entry = make_entry(tensor, module);
  if (!stem) entry.reason.clear();  // nobody will ask for it
  add(stem ? *stem + std::string(suffix) : tensor.name, std::move(entry));
}

HfWeights::Entry HfWeights::make_entry(const SafetensorsTensor& tensor, std::string_view module) const {
  Entry entry{tensor.name, std::nullopt, ""};
  if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) {  // other dimensions may be any
    entry.reason = fmt::format("{}: tensor {} has shape {}, expected weights", description_, tensor.name,
                               shape_text(tensor.shape));
    return entry;
  }
  if (tensor.dtype == "U32" && files_->find(std::string(module) + std::string(kScales)) != nullptr) {
    entry.tensor = quantized(tensor, module);
    return entry;
  }
  if (const auto type = plain_type(tensor.dtype)) {
    entry.tensor = HostTensor{*type, tensor.shape, {tensor.bytes}};
    return entry;
  }
  const bool is_fp8 = tensor.dtype.starts_with("F8_");
  entry.reason = fmt::format("{}: tensor {}: type {} is not supported{}; supported: F32, F16, BF16, MLX affine",
                             description_, tensor.name, tensor.dtype, is_fp8 ? " (an FP8 checkpoint)" : "");
  return entry;
}

HostTensor HfWeights::quantized(const SafetensorsTensor& codes, std::string_view module) const {
  const std::string path(module);
  if (!quantization_)
    throw Error(ErrorCode::invalid_file, "{}: tensor {} is quantized, but config.json has no \"quantization\"",
                description_, codes.name);
  const SafetensorsTensor* scales = files_->find(path + std::string(kScales));
  const SafetensorsTensor* biases = files_->find(path + std::string(kBiases));
  if (biases == nullptr)
    throw Error(ErrorCode::invalid_file, "{}: tensor {}{} is missing beside {}", description_, path, kBiases,
                scales->name);
  const MlxQuantization::Settings settings = quantization_->of(path);
  const auto scale_type = plain_type(scales->dtype);
  if (!scale_type || biases->dtype != scales->dtype)
    throw Error(ErrorCode::invalid_file, "{}: {} has type {} and {} {}, expected one of F32, F16, BF16 for both",
                description_, scales->name, scales->dtype, biases->name, biases->dtype);
  std::vector<int64_t> shape = codes.shape, groups = codes.shape;
  if (shape.empty()) throw Error(ErrorCode::invalid_file, "{}: {} has no dimensions", description_, codes.name);
  const int64_t bits_in_row = shape.back() * 32;
  shape.back() = bits_in_row / settings.bits;
  groups.back() = shape.back() / settings.group_size;
  if (bits_in_row % settings.bits != 0 || shape.back() % settings.group_size != 0 || scales->shape != groups ||
      biases->shape != groups)
    throw Error(ErrorCode::invalid_file, "{}: {} has shape {}, scales {} and biases {}: not {} bits in groups of {}",
                description_, codes.name, shape_text(codes.shape), shape_text(scales->shape), shape_text(biases->shape),
                settings.bits, settings.group_size);
  return {*affine_dtype(settings.bits, settings.group_size, *scale_type),
          shape,
          {codes.bytes, scales->bytes, biases->bytes}};
}

void HfWeights::require_biases(const HfTranslation& translation) const {
  const auto require = [&](int layer, std::string_view matrix) {
    const std::string name = fmt::format("blk.{}.{}", layer, matrix);
    if (!entries_.contains(name + ".weight") || entries_.contains(name + ".bias")) return;
    throw Error(ErrorCode::invalid_file, "{}: tensor {}.bias is missing, which the configuration asks for",
                description_, hf_module(name, hf_names_));
  };
  for (int layer = 0; layer < translation.n_layers; ++layer) {
    if (translation.attention_bias)
      for (const char* matrix : {"attn_q", "attn_k", "attn_v", "attn_output"}) require(layer, matrix);
    if (translation.mlp_bias)
      for (const char* matrix : {"ffn_gate", "ffn_up", "ffn_down"}) require(layer, matrix);
  }
}

std::optional<HostTensor> HfWeights::find(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return std::nullopt;
  if (!found->second.tensor && !found->second.reason.empty()) throw Error(ErrorCode::unsupported, found->second.reason);
  return found->second.tensor;
}

std::string HfWeights::name_in_file(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found != entries_.end()) return found->second.file_name;
  const size_t dot = name.rfind('.');
  if (dot == name.npos) return std::string(name);
  return hf_module(name.substr(0, dot), hf_names_) + std::string(name.substr(dot));
}

void HfWeights::release(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  const std::string& file_name = found->second.file_name;
  files_->release(file_name);
  if (!file_name.ends_with(kWeight)) return;
  const std::string module = file_name.substr(0, file_name.size() - kWeight.size());
  for (const std::string_view suffix : {kScales, kBiases})
    if (files_->find(module + std::string(suffix)) != nullptr) files_->release(module + std::string(suffix));
}

}  // namespace quandex
