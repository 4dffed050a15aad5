// The bodies of chat and text completions. Every property that OpenAI's own document gives these two requests is here.
#include "server/api/request_fields.h"

namespace quandex::server {
namespace {

constexpr double kMostInt32 = std::numeric_limits<int32_t>::max();
constexpr double kLeastPenalty = 0.01;  // far below it logits, which are divided by it, are no numbers any more
constexpr double kLeastInt64 = -0x1p63, kMostInt64 = 0x1p63;

constexpr std::string_view kNoStructure = "structured output is not supported yet";
constexpr std::string_view kNoSampler = "this way of sampling does not exist here";
constexpr std::string_view kTextOnly = "this model reads and writes text only";

// --- what both have

constexpr Field kStopItem{.kinds = kString, .is_nullable = false, .least_length = 1, .most_length = 1024};
constexpr Field kBiasItem{.kinds = kNumber, .is_nullable = false, .least = -100, .most = 100};
constexpr Field kMetadataItem{.kinds = kString, .is_nullable = false};
constexpr std::array kServiceTiers{std::string_view("auto"), std::string_view("default")};
constexpr std::string_view kOneTier = "this server has one class of service; priority orders requests";
constexpr std::array kOtherTiers{RefusedValue{"flex", kOneTier}, RefusedValue{"scale", kOneTier},
                                 RefusedValue{"priority", kOneTier}, RefusedValue{"fast", kOneTier}};

constexpr std::array kStreamOptionFields{
    Field{.name = "include_usage",
          .kinds = kBoolean,
          .description = "One more chunk before the end, with the usage and no choices."},
    Field{.name = "include_obfuscation",
          .kinds = kBoolean,
          .use = Use::no_effect,
          .description = "Chunks are never padded with random characters."},
};
constexpr Table kStreamOptions{
    .name = "StreamOptions", .description = "Only together with stream: true.", .groups = {kStreamOptionFields}};

constexpr std::array kSharedFields{
    Field{.name = "model",
          .kinds = kString,
          .description = "The served model's id or one of its aliases. Absent or \"default\": the served model."},
    Field{.name = "temperature",
          .kinds = kNumber,
          .description = "Higher is more varied; 0 always takes the likeliest token. Default: the model's own "
                         "recommendation, else 1.",
          .least = 0,
          .most = 2},
    Field{.name = "top_p",
          .kinds = kNumber,
          .description = "Only the likeliest tokens that sum to this probability; 0 always takes the likeliest token, "
                         "and is shown as top_k 1. Default: the model's own recommendation, else 1.",
          .least = 0,
          .most = 1},
    Field{.name = "top_k",
          .kinds = kInteger,
          .description = "Extension. Only the k likeliest tokens; 0 or -1: all. Default: the model's own "
                         "recommendation, else 0.",
          .least = -1,
          .most = kMostInt32},
    Field{.name = "min_p",
          .kinds = kNumber,
          .description = "Extension. Only tokens at least this share as likely as the likeliest. Default: 0.",
          .least = 0,
          .most = 1},
    Field{.name = "frequency_penalty",
          .kinds = kNumber,
          .description = "Subtracted from a token's logit for each time it was generated. Default: 0.",
          .least = -2,
          .most = 2},
    Field{.name = "presence_penalty",
          .kinds = kNumber,
          .description = "Subtracted from a token's logit once it was generated. Default: 0.",
          .least = -2,
          .most = 2},
    Field{.name = "repetition_penalty",
          .kinds = kNumber,
          .description = "Extension. Above 1: tokens of prompt and answer become less likely. Default: 1.",
          .least = kLeastPenalty,
          .most = 100},
    Field{.name = "repeat_penalty",
          .kinds = kNumber,
          .description = "Another name of repetition_penalty.",
          .least = kLeastPenalty,
          .most = 100},
    Field{.name = "logit_bias",
          .kinds = kObject,
          .description = "Added to the logits of tokens: keys are token ids as text, values from -100 to 100.",
          .items = &kBiasItem},
    Field{.name = "seed",
          .kinds = kInteger,
          .description = "Any 64-bit integer. The same seed and request give the same answer. Absent: a random one, "
                         "which the answer names.",
          .least = kLeastInt64,
          .most = kMostInt64},
    Field{.name = "n",
          .kinds = kInteger,
          .description = "Choices, of each prompt. Default: 1.",
          .least = 1,
          .most = kMostChoices},
    Field{.name = "stop",
          .kinds = kString | kArray,
          .description = "Up to 16 texts (OpenAI: 4) that end the answer and are not part of it.",
          .least_length = 1,
          .most_length = 1024,
          .most_size = 16,
          .items = &kStopItem},
    Field{.name = "stream", .kinds = kBoolean, .description = "Server-sent events, one for each token."},
    Field{.name = "stream_options",
          .kinds = kObject,
          .description = "Only together with stream: true.",
          .members = &kStreamOptions},
    Field{.name = "priority",
          .kinds = kInteger,
          .description = "Extension. Requests of a higher priority are computed first. Default: 0.",
          .least = -100,
          .most = 100},
    Field{.name = "ignore_eos",
          .kinds = kBoolean,
          .description = "Extension, for benchmarks: the model's end tokens do not end the answer."},
    Field{.name = "user", .kinds = kString, .use = Use::no_effect, .description = "Nobody is told apart by it."},
    Field{.name = "cache_prompt",
          .kinds = kBoolean,
          .use = Use::no_effect,
          .description = "As llama.cpp has it. Prompts are always cached, which changes no answer."},
};

// What changes an answer at other servers: to ignore it, even with a warning, would be to give another answer.
constexpr std::array kForeignFields{
    Field{.name = "grammar", .use = Use::refused, .reason = kNoStructure},
    Field{.name = "json_schema", .use = Use::refused, .reason = kNoStructure},
    Field{.name = "structured_outputs", .use = Use::refused, .reason = kNoStructure},
    Field{.name = "guided_json", .use = Use::refused, .reason = kNoStructure},
    Field{.name = "guided_regex", .use = Use::refused, .reason = kNoStructure},
    Field{.name = "guided_choice", .use = Use::refused, .reason = kNoStructure},
    Field{.name = "guided_grammar", .use = Use::refused, .reason = kNoStructure},
    Field{.name = "typical_p", .use = Use::refused, .reason = kNoSampler},
    Field{.name = "top_a", .use = Use::refused, .reason = kNoSampler},
    Field{.name = "tfs_z", .use = Use::refused, .reason = kNoSampler},
    Field{.name = "mirostat", .use = Use::refused, .reason = kNoSampler},
    Field{.name = "dynatemp_range", .use = Use::refused, .reason = kNoSampler},
    Field{.name = "xtc_probability", .use = Use::refused, .reason = kNoSampler},
    Field{.name = "dry_multiplier", .use = Use::refused, .reason = kNoSampler},
    Field{.name = "samplers", .use = Use::refused, .reason = "the order of samplers is fixed"},
    Field{.name = "use_beam_search", .use = Use::refused, .reason = kNoSampler},
    Field{.name = "length_penalty", .use = Use::refused, .reason = kNoSampler},
    Field{.name = "min_tokens", .use = Use::refused, .reason = "answers have no least length; see ignore_eos"},
    Field{.name = "stop_token_ids", .use = Use::refused, .reason = "use stop, which takes texts"},
    Field{.name = "bad_words", .use = Use::refused, .reason = "use logit_bias"},
    Field{.name = "n_predict", .use = Use::refused, .reason = "use max_tokens"},
    Field{.name = "truncate_prompt_tokens", .use = Use::refused, .reason = "prompts are never cut"},
    Field{.name = "prompt_logprobs", .use = Use::refused, .reason = "use echo and logprobs of /v1/completions"},
    Field{.name = "lora", .use = Use::refused, .reason = "adapters are not supported"},
};

// --- chat completions

constexpr std::array kFormatTextFields{
    Field{
        .name = "type", .kinds = kString, .description = "Always \"text\".", .is_required = true, .is_nullable = false},
};
constexpr Table kFormatText{
    .name = "ResponseFormatText", .description = "Text of any form.", .groups = {kFormatTextFields}};
constexpr std::array kFormatVariants{Variant{"text", &kFormatText}, Variant{"json_object", nullptr, kNoStructure},
                                     Variant{"json_schema", nullptr, kNoStructure}};
constexpr Table kResponseFormat{.name = "ResponseFormat",
                                .description = "Text alone; structured output comes later.",
                                .discriminator = "type",
                                .variants = kFormatVariants};

constexpr std::string_view kNoForcedTool = "a tool cannot be forced until decoding can be constrained; use auto";
constexpr std::array kToolChoices{std::string_view("none"), std::string_view("auto")};
constexpr std::array kForcedToolChoices{RefusedValue{"required", kNoForcedTool}};

constexpr std::array kModalities{std::string_view("text")};
constexpr std::array kOtherModalities{RefusedValue{"audio", kTextOnly}};
constexpr Field kModalityItem{
    .kinds = kString, .is_nullable = false, .values = kModalities, .refused_values = kOtherModalities};

constexpr std::array kVerbosities{std::string_view("medium")};
constexpr std::string_view kNoVerbosity = "no chat template has a place for it; say in a message how long answers be";
constexpr std::array kOtherVerbosities{RefusedValue{"low", kNoVerbosity}, RefusedValue{"high", kNoVerbosity}};

constexpr std::array kEfforts{std::string_view("none")};
constexpr std::string_view kNoEffort =
    "thinking can be switched off (none, or enable_thinking: false) but has no degrees here";
constexpr std::array kOtherEfforts{RefusedValue{"minimal", kNoEffort}, RefusedValue{"low", kNoEffort},
                                   RefusedValue{"medium", kNoEffort},  RefusedValue{"high", kNoEffort},
                                   RefusedValue{"xhigh", kNoEffort},   RefusedValue{"max", kNoEffort}};

constexpr std::array kChatFields{
    Field{.name = "messages",
          .kinds = kArray,
          .description = "The conversation so far.",
          .is_required = true,
          .is_nullable = false,
          .least_size = 1,
          .items = &kMessageItem},
    Field{.name = "max_completion_tokens",
          .kinds = kInteger,
          .description = "Tokens of the answer at most, thoughts included. More than the context has left is cut to "
                         "that, and the answer ends with length. Default: what is left.",
          .least = 1},
    Field{.name = "max_tokens",
          .kinds = kInteger,
          .description = "Another name of max_completion_tokens; both may be given where they agree.",
          .least = 1},
    Field{.name = "logprobs", .kinds = kBoolean, .description = "Log probabilities of the answer's tokens."},
    Field{.name = "top_logprobs",
          .kinds = kInteger,
          .description = "Alternatives of each token, with their log probabilities. Only with logprobs: true.",
          .least = 0,
          .most = 20},
    Field{.name = "tools",
          .kinds = kArray,
          .description = "Functions that the model may call. Refused where the model's chat template has no tools. An "
                         "empty list is none.",
          .items = &kToolItem},
    Field{.name = "tool_choice",
          .kinds = kString,
          .description = "\"auto\" offers the tools, \"none\" does not. Default: auto.",
          .reason = kNoForcedTool,
          .values = kToolChoices,
          .refused_values = kForcedToolChoices,
          .refused_kinds = kObject},
    Field{.name = "parallel_tool_calls",
          .kinds = kBoolean,
          .description = "With false an answer ends after its first call. Default: true."},
    Field{.name = "response_format",
          .kinds = kObject,
          .description = "Only {\"type\": \"text\"}.",
          .members = &kResponseFormat},
    Field{.name = "modalities",
          .kinds = kArray,
          .description = "Only [\"text\"].",
          .least_size = 1,
          .items = &kModalityItem},
    Field{.name = "enable_thinking",
          .kinds = kBoolean,
          .description = "Extension. Whether the model thinks before it answers; refused where the chat template has "
                         "no switch. Default: the template's."},
    Field{.name = "reasoning_effort",
          .kinds = kString,
          .description = "Only \"none\", which is enable_thinking: false.",
          .values = kEfforts,
          .refused_values = kOtherEfforts},
    Field{.name = "chat_template_kwargs",
          .kinds = kObject,
          .description = "Extension. Further names for the chat template; those that it does not read have no effect."},
    Field{.name = "verbosity",
          .kinds = kString,
          .description = "Only \"medium\", which is OpenAI's default.",
          .values = kVerbosities,
          .refused_values = kOtherVerbosities},
    Field{.name = "service_tier",
          .kinds = kString,
          .use = Use::no_effect,
          .description = "There is one tier. Only \"auto\" and \"default\".",
          .values = kServiceTiers,
          .refused_values = kOtherTiers},
    Field{.name = "store", .kinds = kBoolean, .use = Use::no_effect, .description = "Nothing is ever stored."},
    Field{.name = "metadata",
          .kinds = kObject,
          .use = Use::no_effect,
          .description = "Texts for stored answers; nothing is stored.",
          .items = &kMetadataItem},
    Field{.name = "safety_identifier",
          .kinds = kString,
          .use = Use::no_effect,
          .description = "Nobody is told apart by it."},
    Field{.name = "prompt_cache_key",
          .kinds = kString,
          .use = Use::no_effect,
          .description = "Prompts are found by their tokens, whatever the key."},
    Field{.name = "prompt_cache_retention",
          .kinds = kString,
          .use = Use::no_effect,
          .description = "Prompts are kept as long as there is room."},
    Field{.name = "prompt_cache_options",
          .kinds = kObject,
          .use = Use::no_effect,
          .description = "Prompts are kept as long as there is room."},
};
constexpr std::array kRefusedChatFields{
    Field{.name = "functions", .use = Use::refused, .reason = "deprecated by OpenAI; use tools"},
    Field{.name = "function_call", .use = Use::refused, .reason = "deprecated by OpenAI; use tool_choice"},
    Field{.name = "audio", .use = Use::refused, .reason = kTextOnly},
    Field{.name = "prediction", .use = Use::refused, .reason = "predicted outputs are not supported"},
    Field{.name = "web_search_options", .use = Use::refused, .reason = "this server does not search the web"},
    Field{.name = "moderation", .use = Use::refused, .reason = "this server does not moderate"},
    Field{.name = "add_generation_prompt", .use = Use::refused, .reason = "an answer always begins anew"},
    Field{.name = "continue_final_message", .use = Use::refused, .reason = "an answer always begins anew"},
    Field{.name = "chat_template", .use = Use::refused, .reason = "the chat template is the server's"},
    Field{.name = "documents", .use = Use::refused, .reason = "use chat_template_kwargs"},
    Field{.name = "echo", .use = Use::refused, .reason = "only /v1/completions has it"},
    Field{.name = "best_of", .use = Use::refused, .reason = "only /v1/completions has it"},
};

// --- text completions

constexpr Field kPromptId{.kinds = kInteger, .is_nullable = false, .least = 0};
constexpr Field kPromptItem{
    .kinds = kString | kInteger | kArray, .is_nullable = false, .least = 0, .least_size = 1, .items = &kPromptId};
constexpr std::array kCompletionFields{
    Field{.name = "prompt",
          .kinds = kString | kArray,
          .description =
              "A text, a list of token ids, or a list of texts or of lists of token ids, which are completed "
              "apart: the choices of prompt i are i * n to i * n + n - 1.",
          .is_required = true,
          .is_nullable = false,
          .least_size = 1,
          .items = &kPromptItem},
    Field{.name = "max_tokens",
          .kinds = kInteger,
          .description = "Tokens of the completion at most; 0 only with echo. Default: 16.",
          .least = 0},
    Field{.name = "echo", .kinds = kBoolean, .description = "The prompt stands before the completion."},
    Field{.name = "logprobs",
          .kinds = kInteger,
          .description = "Log probabilities of the tokens and of this many alternatives.",
          .least = 0,
          .most = 5},
    Field{.name = "best_of", .kinds = kInteger, .description = "Only the same as n.", .least = 0, .most = 20},
};
constexpr std::array kRefusedCompletionFields{
    Field{.name = "suffix", .use = Use::refused, .reason = "the model continues texts, it does not fill gaps"},
    Field{.name = "max_completion_tokens", .use = Use::refused, .reason = "here the field is max_tokens"},
    Field{.name = "messages", .use = Use::refused, .reason = "use /v1/chat/completions"},
    Field{.name = "top_logprobs", .use = Use::refused, .reason = "here the field is logprobs, a number"},
    Field{.name = "response_format", .use = Use::refused, .reason = kNoStructure},
    Field{.name = "tools", .use = Use::refused, .reason = "use /v1/chat/completions"},
};

}  // namespace

constexpr Table kChatRequestTable{.name = "ChatRequest",
                                  .description = "The body of POST /v1/chat/completions.",
                                  .groups = {kChatFields, kSharedFields, kRefusedChatFields, kForeignFields}};
constexpr Table kCompletionRequestTable{
    .name = "CompletionRequest",
    .description = "The body of POST /v1/completions.",
    .groups = {kCompletionFields, kSharedFields, kRefusedCompletionFields, kForeignFields}};

}  // namespace quandex::server
