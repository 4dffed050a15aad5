#include "server/served_model.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/api_error.h"

namespace quandex::server {

ServedModel::ServedModel(ModelFacts facts, ModelDescription description, const Tokenizer& tokenizer,
                         std::optional<ChatTemplate> chat_template)
    : facts_(std::move(facts)),
      description_(std::move(description)),
      tokenizer_(tokenizer),
      template_(std::move(chat_template)),
      created_(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
                   .count()) {
  facts_.has_template = template_.has_value();
  if (template_) facts_.abilities = template_->abilities();
}

const ChatTemplate& ServedModel::chat_template() const {
  if (template_) return *template_;
  throw ApiError(400, "the model " + facts_.id +
                          " has no chat template: use /v1/completions, or start the server with --chat-template")
      .with_param("model")
      .with_code("model_has_no_chat_template");
}

std::string ServedModel::render(const ChatInput& input) const {
  try {
    return chat_template().render(input);
  } catch (const Error& error) {
    throw template_error_of(error);
  }
}

std::vector<int32_t> ServedModel::encode_prompt(std::string_view text, const std::string& param) const {
  std::vector<int32_t> tokens = tokenizer_.encode_prompt(text, true);
  if (!tokens.empty()) return tokens;
  throw ApiError(400, "the prompt has no tokens").with_param(param).with_code("empty_prompt");
}

void ServedModel::check_length(size_t n_prompt, const std::string& param) const {
  if (n_prompt <= static_cast<size_t>(facts_.n_ctx)) return;
  throw ApiError(400,
                 fmt::format("the prompt has {} tokens, the context of {} holds {}", n_prompt, facts_.id, facts_.n_ctx))
      .with_param(param)
      .with_code("context_length_exceeded");
}

Json ServedModel::card() const {
  return {{"id", facts_.id},
          {"object", "model"},
          {"created", created_},
          {"owned_by", "quandex"},
          {"context_length", facts_.n_ctx},
          {"architecture", description_.architecture},
          {"quantization", description_.format},
          {"aliases", facts_.aliases},
          {"status", "loaded"}};
}

}  // namespace quandex::server
