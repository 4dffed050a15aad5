// The routes that need the tokenizer and the template, but no engine.
#include <nlohmann/json.hpp>

#include "server/api/api_error.h"
#include "server/routes.h"

namespace quandex::server {
namespace {

constexpr size_t kMostPieces = 100'000;  // each takes hundreds of bytes while it becomes JSON

// Of a request with messages, whichever.
template <typename WithMessages>
ChatInput chat_input(const Json& messages, const WithMessages& request) {
  ChatInput input;
  input.messages = messages;
  input.tools = request.tools;
  input.add_generation_prompt = request.add_generation_prompt;
  input.enable_thinking = request.enable_thinking;
  input.extra = request.template_extra;
  return input;
}

std::vector<int32_t> tokens_of(const ServedModel& model, const TokenizeRequest& request) {
  if (request.messages) return encode_chat(model.tokenizer(), model.render(chat_input(*request.messages, request)));
  return request.add_special ? model.tokenizer().encode_prompt(*request.text, request.parse_special)
                             : model.tokenizer().encode(*request.text, request.parse_special);
}

// A token's text, and its bytes, since it need not end with a character.
Json piece_of(const ServedModel& model, int32_t token) {
  std::string bytes;
  model.tokenizer().append(token, bytes, true);
  Json list = Json::array();
  for (const char byte : bytes) list.push_back(static_cast<uint8_t>(byte));
  return {{"id", token}, {"piece", bytes}, {"bytes", std::move(list)}};
}

}  // namespace

void ApiServer::tokenize(Call& call) {
  const ServedModel& model = *call.model;
  const TokenizeRequest request = parse_tokenize_request(call.body(), model.facts(), request_options());
  call.warn(request.warnings);
  const std::vector<int32_t> tokens = tokens_of(model, request);
  if (request.with_pieces && tokens.size() > kMostPieces)
    throw ApiError(400, fmt::format("'with_pieces': found {} tokens, expected at most {} with their pieces",
                                    tokens.size(), kMostPieces))
        .with_param("with_pieces")
        .with_code("invalid_value");
  Json answer{{"tokens", tokens}, {"count", tokens.size()}, {"max_model_len", model.facts().n_ctx}};
  if (request.with_pieces) {
    answer["tokens"] = Json::array();
    for (const int32_t token : tokens) answer["tokens"].push_back(piece_of(model, token));
  }
  call.answer(answer);
}

void ApiServer::detokenize(Call& call) {
  const ServedModel& model = *call.model;
  const DetokenizeRequest request = parse_detokenize_request(call.body(), model.facts(), request_options());
  call.warn(request.warnings);
  call.answer({{"content", model.tokenizer().decode(request.tokens, request.special)}});
}

void ApiServer::apply_template(Call& call) {
  const ServedModel& model = *call.model;
  const ApplyTemplateRequest request = parse_apply_template_request(call.body(), model.facts(), request_options());
  call.warn(request.warnings);
  call.answer({{"prompt", model.render(chat_input(request.messages, request))}});
}

}  // namespace quandex::server
