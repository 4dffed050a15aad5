// A Hugging Face config.json, translated into GGUF's vocabulary. What it leaves out has the value that the model's
// class in transformers assumes; what changes the result and cannot be honoured is refused.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "format/metadata.h"

namespace quandex {

struct Architecture;

// What became of a key of a configuration.
enum class KeyUse : uint8_t {
  used,       // its value is in the model
  settled,    // looked at while loading: which classes, types and files
  no_effect,  // training, generation defaults, other classes' keys
  unknown,    // not known to this program: it may change the result
};
std::string_view key_use_name(KeyUse use);
struct ConfigKey {
  std::string name, value;  // value shortened, as JSON
  KeyUse use = KeyUse::unknown;
};

// One JSON object and the defaults of its class. A key that is null counts as absent, and hides its default. Reads note
// the key; values of another type or out of range are an Error{invalid_file} that names it.
class HfConfig {
 public:
  HfConfig(const Json& json, const Json& defaults, std::string source);
  ~HfConfig();

  bool has(std::string_view key) const;
  int64_t integer(std::string_view key, int64_t low, int64_t high) const;
  int64_t integer(std::string_view key, int64_t low, int64_t high, int64_t otherwise) const;
  double real(std::string_view key, double low, double high) const;
  double real(std::string_view key, double low, double high, double otherwise) const;
  bool boolean(std::string_view key, bool otherwise) const;
  std::string text(std::string_view key, std::string_view otherwise) const;
  std::vector<int64_t> integers(std::string_view key, int64_t low, int64_t high) const;
  std::vector<double> reals(std::string_view key, double low, double high) const;
  std::vector<std::string> texts(std::string_view key) const;
  bool is_object(std::string_view key) const;
  HfConfig object(std::string_view key) const;  // shares the notes

  [[noreturn]] void refuse(std::string_view key, std::string_view expected) const;  // Error{unsupported}
  const std::string& source() const { return source_; }
  std::set<std::string, std::less<>> notes() const;  // keys read, nested ones as "outer.inner"

 private:
  struct Values;
  HfConfig(std::shared_ptr<Values> values, std::string prefix);
  const Json* find(std::string_view key) const;
  const Json& require(std::string_view key, std::string_view expected) const;

  std::shared_ptr<Values> values_;
  std::string prefix_, source_;
};

// What a translation makes: metadata, and tensors that GGUF keeps where Hugging Face has numbers in config.json.
struct HfTranslation {
  Metadata metadata;
  std::string prefix;  // "llama."
  int n_layers = 0, head_dim = 0;
  std::map<std::string, std::vector<float>, std::less<>> tensors;
  std::vector<int> windows;                       // of each layer; 0: full attention
  std::vector<int> rotates;                       // of each layer: 1 or 0
  bool attention_bias = false, mlp_bias = false;  // must be there; without them biases in the file are not used

  void set_count(std::string_view key, int64_t value);
  void set_real(std::string_view key, double value);
};

// The object that describes the language model: `text_config` where there is one.
const Json& text_config(const Json& config);

// Throws Error{unsupported} or Error{invalid_file}. `keys`, where given, receives every key of config.json.
HfTranslation translate_hf_config(const Json& config, std::string source, const Architecture& architecture,
                                  std::vector<ConfigKey>* keys = nullptr);

// The rope_* part, for the layers that rotate; `scaling` is `rope_scaling`, `rope_parameters` or one of its parts.
void translate_rope(const HfConfig& hf, HfTranslation& out);

// Every key, nested ones as "outer.inner", with what became of it.
std::vector<ConfigKey> list_config_keys(const Json& config, const std::set<std::string, std::less<>>& used);

}  // namespace quandex
