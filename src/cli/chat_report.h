// What a chat says about itself: its first lines, the figures of an answer.
#pragma once

#include <string>

#include "base/json.h"
#include "cli/chat_model.h"

namespace quandex::cli {

// Model, template and context, and how to get help: some lines without a newline at the end.
std::string chat_banner(const ChatModel& model, const ChatSettings& settings);

// Of the last answer and the context, a line each.
std::string answer_figures(const Answer& answer, int n_ctx);
std::string answer_figures_in_a_line(const Answer& answer, int n_ctx);

// An answer as scripts read it: message, finish_reason, usage, timings, sampling, template and model.
Json answer_to_json(const Answer& answer, const ChatModel& model, const ChatSettings& settings, int n_dropped_turns);

// "1 turn", "3 turns".
std::string counted(int64_t n, std::string_view what);

}  // namespace quandex::cli
