// The tables of messages, their parts, and tools.
#include <algorithm>
#include <array>

#include "server/api/request_fields.h"

namespace quandex::server {
namespace {

constexpr std::string_view kTextOnly = "this model reads text only";

// --- parts of a content

constexpr std::array kTextPartFields{
    Field{
        .name = "type", .kinds = kString, .description = "Always \"text\".", .is_required = true, .is_nullable = false},
    Field{.name = "text", .kinds = kString, .description = "The text.", .is_required = true, .is_nullable = false},
    Field{.name = "prompt_cache_breakpoint",
          .kinds = kObject,
          .use = Use::no_effect,
          .description = "Prompts are cached without it."},
};
constexpr Table kTextPart{
    .name = "TextPart", .description = "Text as a part of a content.", .groups = {kTextPartFields}};
constexpr std::array kPartVariants{
    Variant{"text", &kTextPart},
    Variant{"image_url", nullptr, kTextOnly},
    Variant{"image", nullptr, kTextOnly},
    Variant{"input_image", nullptr, kTextOnly},
    Variant{"input_audio", nullptr, kTextOnly},
    Variant{"audio_url", nullptr, kTextOnly},
    Variant{"video_url", nullptr, kTextOnly},
    Variant{"file", nullptr, kTextOnly},
    Variant{"input_file", nullptr, kTextOnly},
    Variant{"refusal", nullptr, "no chat template has a place for refusals; give it as text"},
};
constexpr Table kPart{.name = "ContentPart",
                      .description = "A part of a content, told apart by type: text alone.",
                      .discriminator = "type",
                      .variants = kPartVariants};
constexpr Field kPartItem{.kinds = kObject, .is_nullable = false, .members = &kPart};

constexpr Field content_field(std::string_view description, bool is_required) {
  return {.name = "content",
          .kinds = kString | kArray,
          .description = description,
          .is_required = is_required,
          .is_nullable = !is_required,
          .least_size = 1,
          .items = &kPartItem};
}

constexpr Field role_field(std::string_view description) {
  return {.name = "role", .kinds = kString, .description = description, .is_required = true, .is_nullable = false};
}

constexpr Field kName{.name = "name",
                      .kinds = kString,
                      .description = "Who speaks. Given to the chat template; most have no place for it."};

// --- messages by role

constexpr std::array kSystemFields{role_field("\"system\" or \"developer\", which mean the same here."),
                                   content_field("Instructions, as text or parts of text.", true), kName};
constexpr Table kSystemMessage{.name = "SystemMessage",
                               .description = "Instructions. Refused where the model's chat template drops them.",
                               .groups = {kSystemFields}};

constexpr std::array kUserFields{role_field("Always \"user\"."),
                                 content_field("What the user says, as text or parts of text.", true), kName};
constexpr Table kUserMessage{.name = "UserMessage", .description = "What a user says.", .groups = {kUserFields}};

constexpr std::array kCalledFunctionFields{
    Field{.name = "name",
          .kinds = kString,
          .description = "The function's name.",
          .is_required = true,
          .is_nullable = false},
    Field{.name = "arguments",
          .kinds = kString,
          .description = "The arguments as the model wrote them: the text of a JSON object.",
          .is_required = true,
          .is_nullable = false},
};
constexpr Table kCalledFunction{
    .name = "CalledFunction", .description = "A function with its arguments.", .groups = {kCalledFunctionFields}};
constexpr std::array kToolCallFields{
    Field{.name = "id", .kinds = kString, .description = "The call's id.", .is_required = true, .is_nullable = false},
    Field{.name = "type",
          .kinds = kString,
          .description = "Always \"function\".",
          .is_required = true,
          .is_nullable = false},
    Field{.name = "function",
          .kinds = kObject,
          .description = "What was called.",
          .is_required = true,
          .is_nullable = false,
          .members = &kCalledFunction},
    Field{.name = "index",
          .kinds = kInteger,
          .use = Use::no_effect,
          .description = "As chunks of a stream have it; the order of the calls counts.",
          .least = 0},
};
constexpr Table kFunctionToolCall{
    .name = "FunctionToolCall", .description = "A call that the model made.", .groups = {kToolCallFields}};
constexpr std::array kToolCallVariants{
    Variant{"function", &kFunctionToolCall},
    Variant{"custom", nullptr, "custom tools are not supported; only functions are"},
};
constexpr Table kToolCall{.name = "ToolCall",
                          .description = "A call that the model made, told apart by type.",
                          .discriminator = "type",
                          .variants = kToolCallVariants};
constexpr Field kToolCallItem{.kinds = kObject, .is_nullable = false, .members = &kToolCall};

constexpr std::array kAssistantFields{
    role_field("Always \"assistant\"."),
    content_field("What the model said. Required unless there are tool_calls.", false),
    kName,
    Field{.name = "reasoning_content",
          .kinds = kString,
          .description = "What the model thought before it answered. Many chat templates leave past thoughts out."},
    Field{.name = "tool_calls",
          .kinds = kArray,
          .description = "What the model called. An empty list is none. Refused where the chat template drops calls.",
          .items = &kToolCallItem},
    Field{.name = "annotations",
          .kinds = kArray,
          .use = Use::no_effect,
          .description = "As answers of OpenAI's have it; not part of what a model reads."},
    Field{.name = "refusal",
          .kinds = kString,
          .use = Use::refused,
          .reason = "no chat template has a place for refusals; give it as content"},
    Field{.name = "audio", .kinds = kObject, .use = Use::refused, .reason = kTextOnly},
    Field{.name = "function_call",
          .kinds = kObject,
          .use = Use::refused,
          .reason = "deprecated by OpenAI; use tool_calls"},
};
constexpr Table kAssistantMessage{
    .name = "AssistantMessage", .description = "What the model said before.", .groups = {kAssistantFields}};

constexpr std::array kToolFields{
    role_field("Always \"tool\"."),
    content_field("What the tool answered, as text or parts of text.", true),
    Field{.name = "tool_call_id",
          .kinds = kString,
          .description = "The id of the call that this answers.",
          .is_required = true,
          .is_nullable = false},
    Field{.name = "name", .kinds = kString, .description = "The tool's name, which some chat templates write."},
};
constexpr Table kToolMessage{.name = "ToolMessage",
                             .description = "What a tool answered. Refused where the chat template knows no tools.",
                             .groups = {kToolFields}};

constexpr std::array kMessageVariants{
    Variant{"system", &kSystemMessage}, Variant{"developer", &kSystemMessage},
    Variant{"user", &kUserMessage},     Variant{"assistant", &kAssistantMessage},
    Variant{"tool", &kToolMessage},     Variant{"function", nullptr, "deprecated by OpenAI; use the role tool"},
};

// --- tools

constexpr size_t kMostNameLength = 64;

bool is_function_name(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMostNameLength && std::ranges::all_of(name, is_allowed);
}
constexpr Pattern kFunctionName{"^[A-Za-z0-9_-]{1,64}$", is_function_name};

constexpr std::array kFunctionFields{
    Field{.name = "name",
          .kinds = kString,
          .description = "What the model calls it by.",
          .is_required = true,
          .is_nullable = false,
          .pattern = &kFunctionName},
    Field{.name = "description", .kinds = kString, .description = "What it does; the model reads this."},
    Field{.name = "parameters",
          .kinds = kObject,
          .description = "A JSON Schema of its arguments. The model reads it; it is not enforced."},
    Field{.name = "strict",
          .kinds = kBoolean,
          .description = "Only false.",
          .reason = "arguments cannot be held to their schema yet",
          .refuses_true = true},
};
constexpr Table kFunction{
    .name = "Function", .description = "A function that the model may call.", .groups = {kFunctionFields}};
constexpr std::array kFunctionToolFields{
    Field{.name = "type",
          .kinds = kString,
          .description = "Always \"function\".",
          .is_required = true,
          .is_nullable = false},
    Field{.name = "function",
          .kinds = kObject,
          .description = "The function.",
          .is_required = true,
          .is_nullable = false,
          .members = &kFunction},
};
constexpr Table kFunctionTool{
    .name = "FunctionTool", .description = "A tool that is a function.", .groups = {kFunctionToolFields}};
constexpr std::array kToolVariants{
    Variant{"function", &kFunctionTool},
    Variant{"custom", nullptr, "custom tools are not supported; only functions are"},
};
}  // namespace

constexpr Table kMessageTable{.name = "Message",
                              .description = "A message of the conversation, told apart by role.",
                              .discriminator = "role",
                              .variants = kMessageVariants};
constexpr Table kToolTable{.name = "Tool",
                           .description = "A tool that the model may call, told apart by type.",
                           .discriminator = "type",
                           .variants = kToolVariants};

const Field* Table::find(std::string_view field) const {
  for (const auto& group : groups) {
    const auto found = std::ranges::find(group, field, &Field::name);
    if (found != group.end()) return &*found;
  }
  return nullptr;
}

}  // namespace quandex::server
