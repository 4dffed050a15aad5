// The bodies of /tokenize, /detokenize and /apply-template.
#include "server/api/request_fields.h"

namespace quandex::server {
namespace {

constexpr Field kModel{.name = "model",
                       .kinds = kString,
                       .description = "The served model's id or one of its aliases. Absent or \"default\": it too."};
constexpr Field kTools{.name = "tools",
                       .kinds = kArray,
                       .description = "Functions offered to the model, as in a chat request. An empty list is none.",
                       .items = &kToolItem};
constexpr Field kThinking{.name = "enable_thinking",
                          .kinds = kBoolean,
                          .description = "Whether the model is to think; refused where the template has no switch."};
constexpr Field kTemplateNames{
    .name = "chat_template_kwargs", .kinds = kObject, .description = "Further names for the chat template."};
constexpr Field kGenerationPrompt{.name = "add_generation_prompt",
                                  .kinds = kBoolean,
                                  .description = "The beginning of an answer stands at the end. Default: true."};

constexpr std::array kTokenizeFields{
    kModel,
    Field{.name = "text", .kinds = kString, .description = "What to tokenize. Either this or messages."},
    Field{.name = "content", .kinds = kString, .description = "Another name of text, as llama.cpp has it."},
    Field{.name = "prompt", .kinds = kString, .description = "Another name of text, as vLLM has it."},
    Field{.name = "messages",
          .kinds = kArray,
          .description = "A conversation to tokenize, as the chat template writes it.",
          .least_size = 1,
          .items = &kMessageItem},
    Field{.name = "add_special",
          .kinds = kBoolean,
          .description = "The tokens that the tokenizer puts around a prompt. Only of a text. Default: true."},
    Field{.name = "parse_special",
          .kinds = kBoolean,
          .description = "The text of a control token is that token. Only of a text. Default: true."},
    Field{.name = "with_pieces",
          .kinds = kBoolean,
          .description = "The text of each token too, of up to 100000. Default: false."},
    kTools,
    kThinking,
    kTemplateNames,
    kGenerationPrompt,
};

constexpr Field kTokenId{.kinds = kInteger, .is_nullable = false, .least = 0};
constexpr std::array kDetokenizeFields{
    kModel,
    Field{.name = "tokens",
          .kinds = kArray,
          .description = "Token ids.",
          .is_required = true,
          .is_nullable = false,
          .items = &kTokenId},
    Field{.name = "special",
          .kinds = kBoolean,
          .description = "Control tokens are written as their text, else left out. Default: true."},
};

constexpr std::array kApplyTemplateFields{
    kModel,
    Field{.name = "messages",
          .kinds = kArray,
          .description = "The conversation.",
          .is_required = true,
          .is_nullable = false,
          .least_size = 1,
          .items = &kMessageItem},
    kTools,
    kThinking,
    kTemplateNames,
    kGenerationPrompt,
};

}  // namespace

constexpr Table kTokenizeRequestTable{
    .name = "TokenizeRequest", .description = "The body of POST /tokenize.", .groups = {kTokenizeFields}};
constexpr Table kDetokenizeRequestTable{
    .name = "DetokenizeRequest", .description = "The body of POST /detokenize.", .groups = {kDetokenizeFields}};
constexpr Table kApplyTemplateRequestTable{.name = "ApplyTemplateRequest",
                                           .description = "The body of POST /apply-template.",
                                           .groups = {kApplyTemplateFields}};

}  // namespace quandex::server
