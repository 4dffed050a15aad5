// The model that is served, as far as requests and answers need it: names, limits, tokenizer, template. Nothing of it
// changes, so any thread may use it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "server/api/requests.h"
#include "text/chat/chat_input.h"
#include "text/chat/chat_template.h"
#include "text/tokenizer.h"

namespace quandex::server {

// What /v1/models, /health and the page tell besides.
struct ModelDescription {
  std::string architecture, format;  // "llama", "q4_0"
  std::string backend, device;       // "cpu", "AMD EPYC …, 2 threads"
  std::string kv_type;
  uint64_t weight_bytes = 0, kv_bytes = 0, scratch_bytes = 0;
  int n_layers = 0, dim = 0, max_sequences = 0, n_kv_tokens = 0;
  std::string program;  // "quandex 0.1.0 (1a2b3c4)": what computes, for system_fingerprint
};

class ServedModel {
 public:
  // The tokenizer must outlive it. What the facts say about the template is filled in here.
  ServedModel(ModelFacts facts, ModelDescription description, const Tokenizer& tokenizer,
              std::optional<ChatTemplate> chat_template);

  const ModelFacts& facts() const { return facts_; }
  const ModelDescription& description() const { return description_; }
  int64_t created() const { return created_; }  // seconds since 1970: when it was loaded
  const Tokenizer& tokenizer() const { return tokenizer_; }

  // Throws ApiError{400}, code "model_has_no_chat_template", where there is none.
  const ChatTemplate& chat_template() const;

  // Throws ApiError{400} for messages that the template refuses.
  std::string render(const ChatInput& input) const;

  // A text with what the tokenizer puts around a prompt. Throws ApiError{400} for one that gives no tokens.
  std::vector<int32_t> encode_prompt(std::string_view text, const std::string& param) const;

  // Throws ApiError{400}, code "context_length_exceeded", with both numbers.
  void check_length(size_t n_prompt, const std::string& param) const;

  Json card() const;  // an object of /v1/models

 private:
  ModelFacts facts_;
  ModelDescription description_;
  const Tokenizer& tokenizer_;
  std::optional<ChatTemplate> template_;
  int64_t created_;
};

}  // namespace quandex::server
