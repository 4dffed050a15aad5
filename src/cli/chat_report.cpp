#include "cli/chat_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/escape.h"
#include "cli/terminal.h"

namespace quandex::cli {
namespace {

double rate(int n, double seconds) { return seconds > 0 ? n / seconds : 0; }

std::string rate_text(int n, double seconds) {
  return n > 0 && seconds > 0 ? fmt::format(" ({:.1f} tok/s)", n / seconds) : std::string();
}

// K/V positions and the newest token, which has none yet.
int n_context(const Answer& answer) { return answer.n_prompt + answer.n_generated; }

std::string_view end_text(AnswerEnd end) {
  switch (end) {
    case AnswerEnd::finished:
      return "ended by the model";
    case AnswerEnd::max_tokens:
      return "ended by max_tokens";
    case AnswerEnd::context_full:
      return "ended by the context";
    case AnswerEnd::interrupted:
      return "stopped";
  }
  return {};
}

std::string_view finish_reason(const Answer& answer) {
  if (answer.end == AnswerEnd::interrupted) return "interrupted";
  if (answer.end != AnswerEnd::finished) return "length";
  return answer.result.tool_calls.empty() ? "stop" : "tool_calls";
}

std::string thinking_text(const ChatModel& model, const ChatSettings& settings) {
  const TemplateAbilities& abilities = model.chat_template().abilities();
  if (abilities.thinking_switch.empty()) return {};
  return settings.thinks.value_or(abilities.thinks_by_default) ? "; thinking is on" : "; thinking is off";
}

}  // namespace

std::string counted(int64_t n, std::string_view what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

std::string chat_banner(const ChatModel& model, const ChatSettings& settings) {
  const ModelConfig& config = model.session().config();
  const Checkpoint& checkpoint = model.session().checkpoint();
  const auto n_parameters = static_cast<double>(count_parameters(config, checkpoint.weights()).total);
  const std::string of_trained = config.n_ctx_train > model.n_ctx() ? fmt::format(" of {}", config.n_ctx_train) : "";
  return fmt::format("{}: {}, {} parameters, {}; context {}{} tokens\nchat template: {}{}\n{}",
                     bold(stderr, escaped(model.name(), 60)), config.architecture, format_count(n_parameters),
                     format_bytes(static_cast<double>(checkpoint.size_bytes())), model.n_ctx(), of_trained,
                     model.has_own_template() ? "the model's own" : escaped(model.chat_template().name(), 80),
                     thinking_text(model, settings),
                     dim(stderr, "/help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves."));
}

std::string answer_figures(const Answer& answer, int n_ctx) {
  const int n_computed = answer.n_prompt - answer.n_cached;
  return fmt::format(
      "prompt   {}: {} cached, {} computed in {:.2f} s{}\n"
      "answer   {} in {:.2f} s{}, {}, seed {}\n"
      "context  {} of {} tokens in use",
      counted(answer.n_prompt, "token"), answer.n_cached, n_computed, answer.prefill_seconds,
      rate_text(n_computed, answer.prefill_seconds), counted(answer.n_generated, "token"), answer.decode_seconds,
      rate_text(answer.n_decoded(), answer.decode_seconds), end_text(answer.end), answer.seed, n_context(answer),
      n_ctx);
}

std::string answer_figures_in_a_line(const Answer& answer, int n_ctx) {
  const int n_computed = answer.n_prompt - answer.n_cached;
  return fmt::format("prompt {} tokens, {} cached, {} computed{}; answer {} tokens{}; context {} of {}; seed {}",
                     answer.n_prompt, answer.n_cached, n_computed, rate_text(n_computed, answer.prefill_seconds),
                     answer.n_generated, rate_text(answer.n_decoded(), answer.decode_seconds), n_context(answer), n_ctx,
                     answer.seed);
}

Json answer_to_json(const Answer& answer, const ChatModel& model, const ChatSettings& settings, int n_dropped_turns) {
  Json sampling = settings_to_json(settings);
  sampling["seed"] = answer.seed;
  const int n_computed = answer.n_prompt - answer.n_cached;
  return {{"model", model.name()},
          {"message", assistant_message(answer.result)},
          {"finish_reason", finish_reason(answer)},
          {"usage",
           {{"prompt_tokens", answer.n_prompt},
            {"cached_tokens", answer.n_cached},
            {"computed_tokens", n_computed},
            {"completion_tokens", answer.n_generated},
            {"total_tokens", n_context(answer)}}},
          {"context", {{"size", model.n_ctx()}, {"dropped_turns", n_dropped_turns}}},
          {"timings",
           {{"prefill_s", answer.prefill_seconds},
            {"prefill_tokens_per_s", rate(n_computed, answer.prefill_seconds)},
            {"decode_s", answer.decode_seconds},
            {"decode_tokens_per_s", rate(answer.n_decoded(), answer.decode_seconds)}}},
          {"sampling", sampling},
          {"template", model.chat_template().name()}};
}

}  // namespace quandex::cli
