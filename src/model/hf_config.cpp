#include "model/hf_config.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "model/architectures.h"

namespace quandex {

struct HfConfig::Values {
  const Json& json;
  const Json& defaults;
  std::shared_ptr<std::set<std::string, std::less<>>> notes;
};

HfConfig::HfConfig(const Json& json, const Json& defaults, std::string source)
    : values_(std::make_shared<Values>(Values{json, defaults, std::make_shared<std::set<std::string, std::less<>>>()})),
      source_(std::move(source)) {}
HfConfig::HfConfig(std::shared_ptr<Values> values, std::string prefix)
    : values_(std::move(values)), prefix_(std::move(prefix)) {}
HfConfig::~HfConfig() = default;

const Json* HfConfig::find(std::string_view key) const {
  const auto found = values_->json.find(key);
  if (found != values_->json.end()) {
    values_->notes->insert(prefix_ + std::string(key));
    return found->is_null() ? nullptr : &*found;
  }
  const auto assumed = values_->defaults.find(key);
  return assumed == values_->defaults.end() || assumed->is_null() ? nullptr : &*assumed;
}

namespace {

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

[[noreturn]] void throw_type(const std::string& source, const std::string& key, const Json& value,
                             std::string_view expected) {
  throw Error(ErrorCode::invalid_file, "{}: {} is {}, expected {}", source, key, shown(value), expected);
}

// JSON has one kind of number: 8.0 is an integer too.
int64_t integer_of(const std::string& source, const std::string& key, const Json& value, int64_t low, int64_t high) {
  const std::string expected = fmt::format("an integer from {} to {}", low, high);
  if (!value.is_number()) throw_type(source, key, value, expected);
  const double real = value.get<double>();
  if (!(real >= static_cast<double>(low) && real <= static_cast<double>(high)) || real != std::floor(real))
    throw_type(source, key, value, expected);
  return static_cast<int64_t>(real);
}

double real_of(const std::string& source, const std::string& key, const Json& value, double low, double high) {
  const std::string expected = fmt::format("a number from {:g} to {:g}", low, high);
  if (!value.is_number()) throw_type(source, key, value, expected);
  const double real = value.get<double>();
  if (!(real >= low && real <= high)) throw_type(source, key, value, expected);
  return real;
}

}  // namespace

const Json& HfConfig::require(std::string_view key, std::string_view expected) const {
  const Json* value = find(key);
  if (value == nullptr)
    throw Error(ErrorCode::invalid_file, "{}: {}{} is missing, expected {}", source_, prefix_, key, expected);
  return *value;
}

bool HfConfig::has(std::string_view key) const { return find(key) != nullptr; }

int64_t HfConfig::integer(std::string_view key, int64_t low, int64_t high) const {
  return integer_of(source_, prefix_ + std::string(key), require(key, "an integer"), low, high);
}
int64_t HfConfig::integer(std::string_view key, int64_t low, int64_t high, int64_t otherwise) const {
  return has(key) ? integer(key, low, high) : otherwise;
}
double HfConfig::real(std::string_view key, double low, double high) const {
  return real_of(source_, prefix_ + std::string(key), require(key, "a number"), low, high);
}
double HfConfig::real(std::string_view key, double low, double high, double otherwise) const {
  return has(key) ? real(key, low, high) : otherwise;
}
bool HfConfig::boolean(std::string_view key, bool otherwise) const {
  const Json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) throw_type(source_, prefix_ + std::string(key), *value, "true or false");
  return value->get<bool>();
}
std::string HfConfig::text(std::string_view key, std::string_view otherwise) const {
  const Json* value = find(key);
  if (value == nullptr) return std::string(otherwise);
  if (!value->is_string()) throw_type(source_, prefix_ + std::string(key), *value, "a string");
  return value->get<std::string>();
}

std::vector<int64_t> HfConfig::integers(std::string_view key, int64_t low, int64_t high) const {
  const Json& value = require(key, "a list of integers");
  if (!value.is_array()) throw_type(source_, prefix_ + std::string(key), value, "a list of integers");
  std::vector<int64_t> values;
  for (const Json& element : value)
    values.push_back(integer_of(source_, fmt::format("{}{}[{}]", prefix_, key, values.size()), element, low, high));
  return values;
}
std::vector<double> HfConfig::reals(std::string_view key, double low, double high) const {
  const Json& value = require(key, "a list of numbers");
  if (!value.is_array()) throw_type(source_, prefix_ + std::string(key), value, "a list of numbers");
  std::vector<double> values;
  for (const Json& element : value)
    values.push_back(real_of(source_, fmt::format("{}{}[{}]", prefix_, key, values.size()), element, low, high));
  return values;
}
std::vector<std::string> HfConfig::texts(std::string_view key) const {
  const Json& value = require(key, "a list of strings");
  std::vector<std::string> values;
  for (const Json& element : value.is_array() ? value : Json::array({value})) {
    if (!element.is_string()) throw_type(source_, prefix_ + std::string(key), value, "a list of strings");
    values.push_back(element.get<std::string>());
  }
  return values;
}

bool HfConfig::is_object(std::string_view key) const {
  const Json* value = find(key);
  return value != nullptr && value->is_object();
}

HfConfig HfConfig::object(std::string_view key) const {
  static const Json kNone = Json::object();
  const Json& value = require(key, "an object");
  if (!value.is_object()) throw_type(source_, prefix_ + std::string(key), value, "an object");
  HfConfig inner(std::make_shared<Values>(Values{value, kNone, values_->notes}), prefix_ + std::string(key) + ".");
  inner.source_ = source_;
  return inner;
}

void HfConfig::refuse(std::string_view key, std::string_view expected) const {
  const Json* value = find(key);
  throw Error(ErrorCode::unsupported, "{}: {}{} = {} is not supported; supported: {}", source_, prefix_, key,
              value == nullptr ? "null" : shown(*value), expected);
}

std::set<std::string, std::less<>> HfConfig::notes() const { return *values_->notes; }

void HfTranslation::set_count(std::string_view key, int64_t value) {
  metadata.set_u32(prefix + std::string(key), static_cast<uint32_t>(value));
}
void HfTranslation::set_real(std::string_view key, double value) {
  metadata.set_f32(prefix + std::string(key), static_cast<float>(value));
}

const Json& text_config(const Json& config) {
  const auto inner = config.find("text_config");
  return inner != config.end() && inner->is_object() ? *inner : config;
}

namespace {

void translate_shape(const HfConfig& hf, HfTranslation& out) {
  constexpr int64_t kMost = 16'777'216;
  const int64_t dim = hf.integer("hidden_size", 1, 1'048'576), n_heads = hf.integer("num_attention_heads", 1, 65536);
  out.n_layers = static_cast<int>(hf.integer("num_hidden_layers", 1, 4096));
  if (!hf.has("head_dim") && dim % n_heads != 0)
    throw Error(ErrorCode::invalid_file, "{}: hidden_size {} is not a multiple of num_attention_heads {}", hf.source(),
                dim, n_heads);
  out.head_dim = static_cast<int>(hf.integer("head_dim", 2, 65536, dim / n_heads));
  out.set_count("block_count", out.n_layers);
  out.set_count("context_length", hf.integer("max_position_embeddings", 1, 1 << 30));
  out.set_count("embedding_length", dim);
  out.set_count("feed_forward_length", hf.integer("intermediate_size", 1, kMost));
  out.set_count("attention.head_count", n_heads);
  out.set_count("attention.head_count_kv", hf.integer("num_key_value_heads", 1, 65536, n_heads));
  out.set_count("attention.key_length", out.head_dim);
  out.set_count("attention.value_length", out.head_dim);
  out.set_real("attention.layer_norm_rms_epsilon", hf.real("rms_norm_eps", 1e-12, 1));
  out.set_count("vocab_size", hf.integer("vocab_size", 1, kMost));
}

// Where GGUF's readers would assume something else, the layers are listed under keys of our own.
void write_layer_lists(const Architecture& architecture, HfTranslation& out) {
  int window = 0;
  for (const int w : out.windows) window = w > window ? w : window;
  if (window > 0) out.set_count("attention.sliding_window", window);
  std::vector<int> implied(out.windows.size(), window), all_rotate(out.windows.size(), 1);
  for (size_t i = 0; i < implied.size(); ++i) {
    if (architecture.gguf_slides && !architecture.gguf_slides(static_cast<int>(i))) implied[i] = 0;
    if (architecture.gguf_rotates && !architecture.gguf_rotates(static_cast<int>(i))) all_rotate[i] = 0;
  }
  if (implied != out.windows) out.metadata.set_i32s("quandex.attention.windows", out.windows);
  if (all_rotate != out.rotates) out.metadata.set_i32s("quandex.rope.layers", out.rotates);
}

}  // namespace

HfTranslation translate_hf_config(const Json& config, std::string source, const Architecture& architecture,
                                  std::vector<ConfigKey>* keys) {
  const Json defaults = parse_json(architecture.hf_defaults.empty() ? "{}" : architecture.hf_defaults, "defaults");
  const HfConfig hf(text_config(config), defaults, std::move(source));
  HfTranslation out{Metadata(hf.source()), std::string(architecture.gguf_name) + ".", 0, 0, {}, {}, {}, false, false};
  out.metadata.set_string("general.architecture", std::string(architecture.gguf_name));
  translate_shape(hf, out);
  out.windows.assign(static_cast<size_t>(out.n_layers), 0);
  out.rotates.assign(static_cast<size_t>(out.n_layers), 1);
  if (hf.text("hidden_act", "silu") != "silu" && architecture.hf_names != HfNames::gemma)
    hf.refuse("hidden_act", "silu");
  if (architecture.configure == find_architecture("llama", hf.source()).configure)
    out.metadata.set_bool("quandex.qk_rows_interleaved", false);
  if (architecture.translate) architecture.translate(hf, out);
  translate_rope(hf, out);
  write_layer_lists(architecture, out);
  if (keys != nullptr) *keys = list_config_keys(text_config(config), hf.notes());
  return out;
}

}  // namespace quandex
