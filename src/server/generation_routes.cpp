// The routes that generate: from a body to a plan for the engine.
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "base/log.h"
#include "server/api/api_error.h"
#include "server/routes.h"
#include "text/chat/chat_format.h"

namespace quandex::server {
namespace {

uint64_t random_bits() {
  static thread_local std::mt19937_64 generator{std::random_device{}()};
  return generator();
}

int64_t seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// The first choice has the request's own seed, so that asking for one choice or for several gives the same first one.
uint64_t seed_of_choice(uint64_t seed, int index) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 over the golden ratio
  return seed + kOdd * static_cast<uint64_t>(index);
}

GenerationPlan plan_of(const ServedModel& model, const GenerationRequest& request, std::string_view id_prefix,
                       const AnswerForm& form) {
  GenerationPlan plan{.head = {fmt::format("{}-{:016x}{:016x}", id_prefix, random_bits(), random_bits()), seconds_now(),
                               model.facts().id, model.description().program},
                      .form = form,
                      .choices = {},
                      .n_prompt = 0,
                      .n_choices = request.n,
                      .is_stream = request.is_stream,
                      .include_usage = request.stream_options.include_usage,
                      .effective = {request.sampling, 0, nullptr, nullptr},
                      .headers = {},
                      .received = {}};
  if (!request.has_seed) plan.effective.sampling.seed = random_bits() >> 11;  // exact as a JSON number in any reader
  return plan;
}

// Tokens that may be generated after the prompt: the context's end comes first where it must. The last one needs no
// place in the context.
int most_tokens(const ServedModel& model, std::optional<int> wanted, size_t n_prompt) {
  const int room = model.facts().n_ctx - static_cast<int>(n_prompt) + 1;
  return std::min(wanted.value_or(room), room);
}

Request engine_request(const ServedModel& model, const GenerationRequest& request, const GenerationPlan& plan,
                       std::vector<int32_t> prompt, int index, uint64_t client) {
  Request made;
  made.max_tokens = most_tokens(model, request.max_tokens, prompt.size());
  made.prompt = std::move(prompt);
  made.sampling = plan.effective.sampling;
  made.sampling.seed = seed_of_choice(made.sampling.seed, index);
  if (!request.ignore_eos) made.stop_ids = model.tokenizer().special().stop_ids;
  made.logit_bias = request.logit_bias;
  made.n_top_logprobs = request.n_top_logprobs;
  made.priority = request.priority;
  made.client = client;
  return made;
}

// What the queue can never hold is the request's fault, and no reason to come again later.
void check_choices(const EngineThread& engine, size_t n, std::string_view param) {
  if (n <= engine.most_requests()) return;
  throw ApiError(400, fmt::format("'{}': found {} choices in all, expected at most {}, which this server computes and "
                                  "lets wait at once",
                                  param, n, engine.most_requests()))
      .with_param(std::string(param))
      .with_code("invalid_value");
}

// A text, which must give tokens, or ids, which must be the model's.
std::vector<int32_t> prompt_tokens(const ServedModel& model, const PromptInput& input, const std::string& param) {
  if (const auto* text = std::get_if<std::string>(&input)) return model.encode_prompt(*text, param);
  return std::get<std::vector<int32_t>>(input);
}

std::string echoed_text(const ServedModel& model, const PromptInput& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return *text;
  return model.tokenizer().decode(std::get<std::vector<int32_t>>(input), true);
}

}  // namespace

void ApiServer::chat_completions(Call& call) {
  const ServedModel& model = *call.model;
  const ChatRequest request = parse_chat_request(call.body(), model.facts(), request_options());
  call.exchange->release_body();
  check_choices(*call.engine, static_cast<size_t>(request.n), "n");
  ChatInput input;
  input.messages = request.messages;
  input.tools = request.tools;
  input.enable_thinking = request.enable_thinking;
  input.extra = request.template_extra;
  const std::string prompt = model.render(input);
  const std::vector<int32_t> tokens = encode_chat(model.tokenizer(), prompt);
  model.check_length(tokens.size(), "messages");
  if (options_.logs_prompts) LOG(info, "prompt", "id={} {}", call.head().id, Json(prompt).dump());

  GenerationPlan plan = plan_of(model, request, "chatcmpl", chat_form());
  call.warn(request.warnings);
  plan.headers = call.headers;
  plan.received = call.received;
  plan.n_prompt = static_cast<int>(tokens.size());
  plan.effective.max_tokens = most_tokens(model, request.max_tokens, tokens.size());
  const ChatFormat& format = model.chat_template().format();
  const size_t most_calls = request.parallel_tool_calls ? std::numeric_limits<size_t>::max() : 1;
  for (int i = 0; i < request.n; ++i) {
    const ChatParserOptions parsing{
        .prompt_end = prompt_end(format, prompt), .has_tools = !request.tools.is_null(), .id_seed = random_bits()};
    plan.choices.push_back({engine_request(model, request, plan, tokens, i, client_of(call.head())),
                            std::make_unique<ChatAnswerChoice>(model, i, request.stop, parsing, most_calls)});
  }
  Generation::start({model, *call.engine, work_, metrics_}, call.exchange, std::move(plan));
}

void ApiServer::completions(Call& call) {
  const ServedModel& model = *call.model;
  const CompletionRequest request = parse_completion_request(call.body(), model.facts(), request_options());
  call.exchange->release_body();
  check_choices(*call.engine, request.prompts.size() * static_cast<size_t>(request.n),
                request.prompts.size() > 1 ? "prompt" : "n");
  GenerationPlan plan = plan_of(model, request, "cmpl", text_form());
  call.warn(request.warnings);
  plan.headers = call.headers;
  plan.received = call.received;
  const uint64_t client = client_of(call.head());
  for (size_t p = 0; p < request.prompts.size(); ++p) {
    const std::string param = request.prompts.size() == 1 ? "prompt" : fmt::format("prompt[{}]", p);
    const std::vector<int32_t> tokens = prompt_tokens(model, request.prompts[p], param);
    model.check_length(tokens.size(), param);
    plan.n_prompt += static_cast<int>(tokens.size());
    plan.effective.max_tokens =
        std::max(plan.effective.max_tokens, most_tokens(model, request.max_tokens, tokens.size()));
    const std::string echo = request.echo ? echoed_text(model, request.prompts[p]) : std::string();
    if (options_.logs_prompts)
      LOG(info, "prompt", "id={} {}", call.head().id,
          Json(echoed_text(model, request.prompts[p])).dump(-1, ' ', false, Json::error_handler_t::replace));
    for (int i = 0; i < request.n; ++i) {
      Request made = engine_request(model, request, plan, tokens, i, client);
      made.wants_prompt_logprobs = request.echo && (request.n_top_logprobs || made.max_tokens == 0);
      const int index = static_cast<int>(p) * request.n + i;
      plan.choices.push_back({std::move(made), std::make_unique<TextAnswerChoice>(model, index, request.stop, echo,
                                                                                  request.n_top_logprobs.has_value())});
    }
  }
  Generation::start({model, *call.engine, work_, metrics_}, call.exchange, std::move(plan));
}

}  // namespace quandex::server
