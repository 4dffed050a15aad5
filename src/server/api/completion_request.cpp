#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/generation_request.h"
#include "server/api/requests.h"

namespace quandex::server {
namespace {

constexpr int kDefaultMaxTokens = 16;  // OpenAI's

std::vector<int32_t> read_ids(const Json& ids, const ModelFacts& model, const Path& path) {
  std::vector<int32_t> read;
  read.reserve(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!ids[i].is_number_integer())
      throw field_error(path.element(i).text(), "invalid_type",
                        fmt::format("found {}, expected a token id like the others", found_text(ids[i])));
    check_token_id(ids[i].get<int64_t>(), model, path.element(i));
    read.push_back(static_cast<int32_t>(ids[i].get<int64_t>()));
  }
  return read;
}

// A text, ids, or a list of one of these.
std::vector<PromptInput> read_prompts(const Json& prompt, const ModelFacts& model) {
  const Path root;
  const Path at = root.member("prompt");
  std::vector<PromptInput> prompts;
  if (prompt.is_string()) {
    prompts.emplace_back(prompt.get<std::string>());
  } else if (prompt[0].is_number()) {
    prompts.emplace_back(read_ids(prompt, model, at));
  } else {
    for (size_t i = 0; i < prompt.size(); ++i) {
      if (prompt[i].type() != prompt[0].type())
        throw field_error(at.element(i).text(), "invalid_type",
                          fmt::format("found {}, expected {} like the first prompt", found_text(prompt[i]),
                                      prompt[0].is_string() ? "a text" : "an array of token ids"));
      if (prompt[i].is_string())
        prompts.emplace_back(prompt[i].get<std::string>());
      else
        prompts.emplace_back(read_ids(prompt[i], model, at.element(i)));
    }
  }
  return prompts;
}

void check_number_of_choices(const Json& body, const CompletionRequest& request) {
  const size_t n_sequences = request.prompts.size() * static_cast<size_t>(request.n);
  if (n_sequences > static_cast<size_t>(kMostChoicesInAll))
    throw field_error("prompt", "array_above_max_length",
                      fmt::format("found {} prompts of {} choices each, expected at most {} choices in all",
                                  request.prompts.size(), request.n, kMostChoicesInAll));
  const Json* const best_of = given(body, "best_of");
  if (best_of && best_of->get<int>() != request.n)
    throw field_error(
        "best_of", "unsupported_value",
        fmt::format("found {} where n is {}; only all of the choices can be answered", best_of->dump(), request.n));
}

}  // namespace

CompletionRequest parse_completion_request(const Json& body, const ModelFacts& model, const RequestOptions& options) {
  CompletionRequest request;
  check_body(body, kCompletionRequestTable, model, options, request.warnings);
  read_generation(body, model, request);
  request.prompts = read_prompts(body["prompt"], model);
  check_number_of_choices(body, request);
  request.echo = read_flag(body, "echo", false);
  const Json* const max_tokens = given(body, "max_tokens");
  request.max_tokens = max_tokens ? clamped(*max_tokens) : kDefaultMaxTokens;
  if (*request.max_tokens == 0 && !request.echo)
    throw field_error("max_tokens", "integer_below_min_value", "found 0, expected 1 or more where echo is not true");
  if (const Json* logprobs = given(body, "logprobs")) request.n_top_logprobs = logprobs->get<int>();
  return request;
}

}  // namespace quandex::server
