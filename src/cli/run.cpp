#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/answer_view.h"
#include "cli/chat_file.h"
#include "cli/chat_model.h"
#include "cli/chat_report.h"
#include "cli/sampling_options.h"
#include "cli/terminal.h"
#include "cli/terminal_chat.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "text/chat/named_templates.h"

namespace quandex::cli {
namespace {

struct RunOptions {
  ModelOptions model;
  std::vector<std::string> prompts, stops;
  std::optional<std::string> file, chat_template, system, tools, load, save;
  std::string think = "default", on_overflow = overflow_policy_names().front();
  ChatSettings settings;
  bool json = false, stats = false, no_history = false;
};

// Without the newlines at its end, as a shell's $(...) gives it.
std::string without_last_newlines(std::string text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

std::string read_message(const std::string& path) {
  if (path == "-") return without_last_newlines(read_standard_input());
  if (std::filesystem::is_directory(path)) throw Error(ErrorCode::io, "{}: is a directory, expected a message", path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::not_found, "{}: cannot read the message", path);
  return without_last_newlines({std::istreambuf_iterator<char>(file), {}});
}

// What is to be said without a terminal: each --prompt is a message, a file is the end of the last one.
std::vector<std::string> read_messages(const RunOptions& options) {
  std::vector<std::string> messages = options.prompts;
  if (options.file || messages.empty()) {
    std::string text = read_message(options.file.value_or("-"));
    if (messages.empty()) {
      messages.push_back(std::move(text));
    } else if (!text.empty()) {
      messages.back() += "\n\n" + text;
    }
  }
  for (const std::string& message : messages) {
    if (message.empty()) throw UsageError("the message is empty: --prompt, --file or standard input");
    if (!is_valid_utf8(message)) throw Error(ErrorCode::invalid_argument, "the message is no UTF-8 text");
  }
  return messages;
}

// What gives a conversation more room, as the end of a message.
std::string ways_out(const ChatModel& model, const ChatSettings& settings, const Conversation& conversation) {
  const int n_trained = model.session().config().n_ctx_train;
  std::string ways;
  if (n_trained > model.n_ctx()) ways += fmt::format("; --ctx makes it larger, up to {}", n_trained);
  if (settings.on_overflow == OverflowPolicy::stop && conversation.n_turns() > 1)
    ways += "; --on-overflow drop-oldest leaves out old turns";
  return ways;
}

// Makes the prompt; where turns are left out it says so, and where there is no room it throws.
Prompt fitting_prompt(const ChatModel& model, const ChatSettings& settings, Conversation& conversation) {
  Prompt prompt;
  const int n_before = conversation.first_sent();
  const ContextFit fit =
      fit_context(conversation, settings.on_overflow, model.n_ctx(), settings.max_tokens, [&](int first_sent) {
        conversation.set_first_sent(first_sent);
        prompt = model.prompt(conversation.sent(), settings);
        return prompt.n_tokens();
      });
  if (!fit.fits)
    throw Error(ErrorCode::invalid_argument, "the conversation takes {} tokens and the context holds {}{}",
                fit.n_tokens, model.n_ctx(), ways_out(model, settings, conversation));
  if (fit.first_sent > n_before)
    fmt::print(stderr, "quandex: the context is full: the oldest {} not sent\n",
               fit.first_sent - n_before == 1 ? "turn is" : fmt::format("{} turns are", fit.first_sent - n_before));
  return prompt;
}

void print_end(const Answer& answer, const ChatModel& model, const RunOptions& options) {
  const ChatResult& result = answer.result;
  if (!options.json && result.content.empty() && result.tool_calls.empty() && !result.reasoning.empty())
    fmt::print(stderr, "quandex: the model thought and came to no answer; --json shows its reasoning\n");
  if (!options.json && answer.end == AnswerEnd::context_full)
    fmt::print(stderr, "quandex: the answer is cut: the context is full at {} tokens\n", model.n_ctx());
  if (options.settings.shows_stats)
    fmt::print(stderr, "{}\n", dim(stderr, answer_figures_in_a_line(answer, model.n_ctx())));
}

// Answers each message in turn on standard output, as text or as a line of JSON.
int answer_messages(ChatModel& model, const RunOptions& options, const std::vector<std::string>& messages,
                    Conversation conversation) {
  for (const std::string& message : messages) {
    conversation.add_user(message);
    const Prompt prompt = fitting_prompt(model, options.settings, conversation);
    AnswerView view(stdout);
    bool is_read = true;
    const Answer answer = model.answer(prompt, options.settings, [&](const ChatDelta& delta) {
      is_read = options.json || view.show(delta);
      return is_read;
    });
    if (!is_read) return 0;
    const bool is_stopped = answer.end == AnswerEnd::interrupted;
    conversation.add_answer(assistant_message(answer.result), is_stopped);
    if (options.save) save_chat(*options.save, model.name(), conversation, options.settings);
    if (options.json) {
      const Json json = answer_to_json(answer, model, options.settings, conversation.first_sent());
      is_read = write_text(stdout, json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    } else {
      is_read = view.finish();
    }
    print_end(answer, model, options);
    if (interruption() != 0) return 128 + interruption();
    if (!is_read) return 0;
  }
  return 0;
}

ChatSettings settings_of(const RunOptions& options) {
  ChatSettings settings = options.settings;
  if (options.think != "default") settings.thinks = options.think == "on";
  settings.on_overflow = parse_overflow_policy(options.on_overflow);
  settings.shows_stats = options.stats;
  return settings;
}

Json read_tools(const std::string& path) {
  Json tools = read_json_file(path);
  if (!tools.is_array())
    throw Error(ErrorCode::invalid_file, "{}: found {}, expected an array of tools", path, tools.type_name());
  for (size_t i = 0; i < tools.size(); ++i) {
    if (tools[i].is_object()) continue;
    throw Error(ErrorCode::invalid_file, "{}: tool {} is of type {}, expected an object", path, i,
                tools[i].type_name());
  }
  return tools;
}

// What needs no model to be refused.
void check_options(const RunOptions& options, bool talks) {
  for (const std::string& stop : options.stops)
    if (stop.empty()) throw UsageError("--stop is empty; expected a text to end before");
  if (talks && options.json) throw UsageError("--json needs a message: --prompt, --file or standard input");
  if (talks && options.save) throw UsageError("--save needs a message; in a chat there is /save");
  if (!options.save) return;
  if (options.save != options.load && std::filesystem::exists(*options.save))
    throw Error(ErrorCode::io, "{}: exists already, expected a new file or that of --load", *options.save);
  const std::filesystem::path folder = std::filesystem::absolute(*options.save).parent_path();
  if (::access(folder.c_str(), W_OK | X_OK) != 0)  // before an answer is waited for that cannot be kept
    throw Error(ErrorCode::io, "{}: cannot be written: {}: {}", *options.save, folder.string(), std::strerror(errno));
}

int run_chat(const CLI::App& app, RunOptions& options) {
  const bool has_terminal = is_terminal(stdin) && (is_terminal(stderr) || is_terminal(stdout));
  const bool talks = options.prompts.empty() && !options.file && has_terminal;
  check_options(options, talks);
  const std::vector<std::string> named = named_settings(app);
  options.settings = settings_of(options);
  SavedChat start;
  if (options.load) start = load_chat(*options.load);
  if (options.system) start.conversation.set_system(*options.system);
  std::optional<Json> tools;
  if (options.tools) tools = read_tools(*options.tools);
  const std::vector<std::string> messages = talks ? std::vector<std::string>() : read_messages(options);
  ChatModel model(options.model, options.chat_template.value_or(""));
  const Metadata& metadata = model.session().checkpoint().metadata();
  options.settings.sampling = with_recommended(options.settings.sampling, metadata, named);
  read_settings(start.settings, options.settings, named);
  model.set_stops(options.stops);
  model.check(options.settings, start.conversation);
  if (tools) model.set_tools(std::move(*tools));
  if (!talks) return answer_messages(model, options, messages, std::move(start.conversation));
  TerminalChatOptions chat_options{.keeps_history = !options.no_history, .file = {}};
  if (options.load) chat_options.file = *options.load;
  return TerminalChat(model, options.settings, std::move(start.conversation), chat_options).run();
}

void add_message_options(CLI::App& app, RunOptions& options) {
  add_texts(app, "-p,--prompt", options.prompts, "TEXT", "Answer this and end; given again: the next turn");
  add_text(app, "-f,--file", options.file, "FILE",
           "The same from a file, behind --prompt if both; - is standard input");
  add_flag(app, "--json", options.json, "Each answer as a line of JSON");
  add_text(app, "--system", options.system, "TEXT", "The system message");
  add_text(app, "--template", options.chat_template, "FILE|NAME",
           "Chat template: a Jinja file, or a name (listed below)");
  add_choice(app, "--think", options.think, {"default", "on", "off"}, "Whether the model thinks before it answers");
  add_text(app, "--tools", options.tools, "FILE", "Tools to offer, a JSON array; calls are shown, not made");
  add_text(app, "--load", options.load, "FILE", "Go on with a saved conversation");
  add_text(app, "--save", options.save, "FILE",
           "Write the conversation after each answer, to a new file or that of --load");
}

}  // namespace

constexpr const char* kFooter =
    "On a terminal a chat; /help in it lists its commands. With a message, or standard input that is no terminal (all\n"
    "of it is one message), the answer goes to standard output and the program ends. --prompt alone never reads\n"
    "standard input. Newlines at the end of a file or of standard input are no part of the message.\n"
    "Nothing is cut silently: see --on-overflow. Status 130 where Ctrl-C ended an answer.\n\n"
    "Names for --template, beside those of the model's own templates:\n";
constexpr const char* kExamples =
    "\n"
    "Examples:\n"
    "  quandex run model.gguf\n"
    "  quandex run model.gguf -p \"What is the capital of France?\"\n"
    "  git diff | quandex run model.gguf -p \"Write a commit message for:\" -f -\n"
    "  quandex run model.gguf --system \"Be brief.\" -p Hello! -p \"And you?\" --json --seed 1\n";

Verb add_run(CLI::App& program) {
  auto options = std::make_shared<RunOptions>();
  std::string footer = std::string(kSamplingHelp) + kFooter;
  for (const NamedTemplate& named : named_templates())
    footer += fmt::format("  {:<14} {}\n", named.name, named.summary);
  CLI::App& app = add_verb(program, "run", "Chat with a model, or have it answer once", footer + kExamples);
  add_alias(app, "chat");
  add_model_options(app, options->model, true);
  add_message_options(app, *options);
  add_integer(app, "-n,--tokens", options->settings.max_tokens, 0, kMostTokens,
              "Tokens of an answer at most; 0: as far as the context goes");
  add_sampling_options(app, options->settings.sampling);
  add_integer(app, "--seed", options->settings.seed, 0, std::numeric_limits<int64_t>::max(),
              "Same seed and options, same answers; default: a random one for each answer");
  add_texts(app, "--stop", options->stops, "TEXT", "End an answer before this text; may be given several times");
  add_choice(app, "--on-overflow", options->on_overflow, overflow_policy_names(),
             "Where the context is full: refuse, or leave out the oldest turns and say so");
  add_flag(app, "--stats", options->stats, "Figures after each answer, on standard error");
  add_flag(app, "--no-history", options->no_history, "Neither read nor keep the history of what is typed");
  return {&app, [options, &app] { return run_chat(app, *options); }};
}

}  // namespace quandex::cli
