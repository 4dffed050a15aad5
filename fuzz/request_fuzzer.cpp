// Arbitrary bytes as the body of every endpoint: taken or refused with an ApiError, never anything else; what is taken
// is in range, and what refuses can be sent.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/utf8.h"
#include "engine/sampler.h"
#include "server/api/api_error.h"
#include "server/api/json_text.h"
#include "server/api/request_cases.h"
#include "server/api/request_fields.h"
#include "server/api/requests.h"

namespace {

using namespace quandex;
using namespace quandex::server;

void require(bool claim) {
  if (!claim) std::abort();
}

void check_generation(const GenerationRequest& request, const ModelFacts& model) {
  check_sampling_params(request.sampling);
  require(request.sampling.temperature <= 2 && request.sampling.top_p > 0);
  require(request.n >= 1 && request.n <= kMostChoices);
  require(!request.max_tokens || *request.max_tokens >= 0);
  require(request.priority >= -100 && request.priority <= 100);
  require(request.stop.size() <= 16);
  for (const std::string& stop : request.stop) require(!stop.empty() && is_valid_utf8(stop));
  for (const LogitBias& bias : request.logit_bias)
    require(bias.token >= 0 && bias.token < model.n_vocab && bias.bias >= -100 && bias.bias <= 100);
  require(!request.n_top_logprobs || (*request.n_top_logprobs >= 0 && *request.n_top_logprobs <= 20));
  require(request.is_stream || !request.stream_options.include_usage);
}

void check_messages(const Json& messages) {
  require(messages.is_array() && !messages.empty());
  for (const Json& message : messages) {
    const auto& role = message["role"].get_ref<const std::string&>();
    require(role == "system" || role == "user" || role == "assistant" || role == "tool");
    require(message.contains("content"));
  }
}

void check_warnings(const std::vector<std::string>& warnings) {
  require(warnings.size() <= 21);
  for (const std::string& warning : warnings)
    for (const char c : warning) require(c >= 0x20 && c < 0x7F);
}

void check_ids(const std::vector<int32_t>& ids, const ModelFacts& model) {
  for (const int32_t id : ids) require(id >= 0 && id < model.n_vocab);
}

void parse_chat(const Json& body, const ModelFacts& model, const RequestOptions& options) {
  const ChatRequest request = parse_chat_request(body, model, options);
  check_generation(request, model);
  check_messages(request.messages);
  check_warnings(request.warnings);
  require(request.tools.is_null() || (request.tools.is_array() && !request.tools.empty()));
  require(request.tool_choice == ToolChoice::automatic || request.tools.is_null());
  require(request.template_extra.is_null() || request.template_extra.is_object());
}

void parse_completion(const Json& body, const ModelFacts& model, const RequestOptions& options) {
  const CompletionRequest request = parse_completion_request(body, model, options);
  check_generation(request, model);
  check_warnings(request.warnings);
  require(!request.prompts.empty() &&
          request.prompts.size() * static_cast<size_t>(request.n) <= static_cast<size_t>(kMostChoicesInAll));
  require(request.max_tokens && (*request.max_tokens > 0 || request.echo));
  for (const PromptInput& prompt : request.prompts) {
    if (const auto* ids = std::get_if<std::vector<int32_t>>(&prompt)) {
      require(!ids->empty());
      check_ids(*ids, model);
    }
  }
}

void parse_texts(const Json& body, const ModelFacts& model, const RequestOptions& options, int which) {
  if (which == 0) {
    const TokenizeRequest request = parse_tokenize_request(body, model, options);
    require(request.text.has_value() != request.messages.has_value());
    if (request.messages) check_messages(*request.messages);
  } else if (which == 1) {
    check_ids(parse_detokenize_request(body, model, options).tokens, model);
  } else {
    check_messages(parse_apply_template_request(body, model, options).messages);
  }
}

template <typename Parse>
void run(Parse parse) {
  try {
    parse();
  } catch (const ApiError& error) {
    require(error.status == 400 || error.status == 404);
    require(error.code && error.type == "invalid_request_error");
    require(std::string_view(error.what()).size() < 4096 && (!error.param || error.param->size() < 512));
    require(parse_json(json_text(error_body(error)), "error")["error"].size() == 4);
  }
}

}  // namespace

// Byte 0: lenient, and what the model can do; then the body.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const RequestOptions options{.is_lenient = (data[0] & 1) != 0};
  ModelFacts model = quandex::server::testing::capable_model();
  if (data[0] & 2) model.abilities = {};
  if (data[0] & 4) model.has_template = false;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  Json body;
  bool is_json = false;
  run([&] {
    body = parse_body(text);
    is_json = true;
  });
  if (!is_json) return 0;
  run([&] { parse_chat(body, model, options); });
  run([&] { parse_completion(body, model, options); });
  for (int which = 0; which < 3; ++which) run([&] { parse_texts(body, model, options, which); });
  return 0;
}
