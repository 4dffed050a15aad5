#include "cli/terminal_chat.h"

#include <fmt/format.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "cli/answer_view.h"
#include "cli/chat_file.h"
#include "cli/chat_report.h"
#include "cli/escape.h"
#include "cli/terminal.h"
#include "cli/token_view.h"
#include "cli/usage.h"

namespace quandex::cli {
namespace {

constexpr std::string_view kPrompt = "> ", kContinuation = ". ";

void print_note(std::string_view text) { fmt::print(stderr, "{}\n", dim(stderr, text)); }
void print_error(std::string_view text) { fmt::print(stderr, "{}\n", text); }

std::vector<std::string> completions() {
  std::vector<std::string> words;
  for (const CommandInfo& command : chat_commands())
    words.push_back(std::string(command.word) + (command.arguments.empty() ? "" : " "));
  for (const std::string& name : setting_names()) words.push_back("/set " + name + " ");
  return words;
}

// The signal's number, or 0. Ctrl-C is none, at whatever moment it comes.
int request_to_end() { return interruption() == SIGINT ? 0 : interruption(); }

std::FILE* drawing_stream() { return is_terminal(stderr) ? stderr : stdout; }

void print_help() {
  for (const CommandInfo& command : chat_commands())
    fmt::print(stderr, "  {:<22} {}\n", fmt::format("{} {}", command.word, command.arguments), command.help);
  fmt::print(stderr,
             "A line that ends in \\ goes on in the next, and so does Alt-Enter; \"\"\" begins\n"
             "and ends a block of lines. //... sends a message that begins with /.\n");
}

}  // namespace

TerminalChat::TerminalChat(ChatModel& model, ChatSettings settings, Conversation conversation,
                           TerminalChatOptions options)
    : model_(model),
      settings_(std::move(settings)),
      conversation_(std::move(conversation)),
      file_(std::move(options.file)),
      history_(options.keeps_history ? input_history_path() : std::nullopt),
      editor_(drawing_stream(), completions()) {
  for (const std::string& entry : history_.entries()) editor_.add_history(entry);
}

int TerminalChat::run() {
  outlive_ctrl_c();
  fmt::print(stderr, "{}\n\n", chat_banner(model_, settings_));
  if (conversation_.n_turns() > 0) print_note(fmt::format("{} loaded", counted(conversation_.n_turns(), "turn")));
  while (!reader_left_) {
    const LineEditor::Line line = editor_.read(bold(stderr, assembler_.is_empty() ? kPrompt : kContinuation));
    if (take_line(line) == Goes::away) break;
    take_ctrl_c();  // one that came during a command, or behind an answer, has nothing to stop
    if (request_to_end() != 0) break;
  }
  return request_to_end() != 0 ? 128 + request_to_end() : 0;
}

TerminalChat::Goes TerminalChat::take_line(const LineEditor::Line& line) {
  const bool was_interrupted = std::exchange(was_interrupted_, false);
  switch (line.ended) {
    case LineEditor::Ended::terminated:
    case LineEditor::Ended::end_of_input:
      return Goes::away;
    case LineEditor::Ended::interrupted:
      if (line.text.empty() && assembler_.is_empty()) {
        if (was_interrupted) return Goes::away;
        was_interrupted_ = true;
        print_note("Ctrl-C once more, Ctrl-D or /exit leaves.");
      }
      assembler_.clear();
      return Goes::on;
    case LineEditor::Ended::entered:
      break;
  }
  const std::optional<std::string> input = assembler_.add(line.text);
  if (!input) return Goes::on;
  if (!trimmed(*input).empty()) {
    editor_.add_history(*input);
    history_.append(*input);
  }
  try {
    return take_input(*input);
  } catch (const UsageError& error) {
    print_error(error.what());
  } catch (const Error& error) {  // of a file, a template or the device: the chat goes on as it was
    print_error(escaped(error.what()));
  }
  return Goes::on;
}

TerminalChat::Goes TerminalChat::take_input(std::string_view input) {
  const TypedInput typed = parse_typed(input);
  if (const auto* command = std::get_if<Command>(&typed)) return obey(*command);
  if (const auto* message = std::get_if<Message>(&typed)) say(message->text);
  return Goes::on;
}

TerminalChat::Goes TerminalChat::obey(const Command& command) {
  const std::string& argument = command.argument;
  switch (command.id) {
    case CommandId::help:
      print_help();
      break;
    case CommandId::system:
      set_system(argument);
      break;
    case CommandId::clear:
      clear();
      break;
    case CommandId::retry:
      retry();
      break;
    case CommandId::save:
      save(argument);
      break;
    case CommandId::load:
      load(argument);
      break;
    case CommandId::set:
      set(argument);
      break;
    case CommandId::think:
      think(argument);
      break;
    case CommandId::tokens:
      print_tokens(argument);
      break;
    case CommandId::stats:
      print_stats();
      break;
    case CommandId::exit:
      return Goes::away;
  }
  return Goes::on;
}

void TerminalChat::say(std::string text) {
  Conversation next = conversation_;
  next.add_user(text);
  answer(std::move(next), "the message was not sent; the arrow key brings it back");
}

void TerminalChat::retry() {
  if (!conversation_.has_question()) throw UsageError("there is no message to answer yet");
  if (settings_.seed && conversation_.has_answer() && settings_.sampling.temperature > 0)
    print_note(fmt::format("the seed is {}, so the answer is the same; /set seed random", *settings_.seed));
  Conversation next = conversation_;
  next.remove_answer();
  answer(std::move(next), "the conversation is as before");
}

// Has `next` answered, and makes it the conversation once it is. `undone` is what to say where it is not.
void TerminalChat::answer(Conversation next, std::string_view undone) {
  Prompt prompt;
  if (!fit(next, prompt)) return;
  Answer answer = shown_answer(prompt);
  take_ctrl_c();
  const ChatResult& result = answer.result;
  const bool is_stopped = answer.end == AnswerEnd::interrupted;
  if (is_stopped && result.content.empty() && result.reasoning.empty() && result.tool_calls.empty()) {
    print_note(fmt::format("[stopped; {}]", undone));
    return;
  }
  next.add_answer(assistant_message(result), is_stopped);
  conversation_ = std::move(next);
  print_end(answer);
  if (settings_.shows_stats) print_note(answer_figures_in_a_line(answer, model_.n_ctx()));
  fmt::print(stderr, "\n");
  last_answer_ = std::move(answer);
}

Answer TerminalChat::shown_answer(const Prompt& prompt) {
  AnswerView view(stdout);
  try {
    Answer answer = model_.answer(prompt, settings_, [&](const ChatDelta& delta) {
      reader_left_ = reader_left_ || !view.show(delta);
      return !reader_left_;
    });
    reader_left_ = reader_left_ || !view.finish();
    return answer;
  } catch (const Error&) {
    view.finish();  // the message is not to stand behind half an answer
    throw;
  }
}

// Makes the prompt, with fewer turns where the settings say so and the context is full. Says what is left out, or why
// there is no room: nothing is cut without a word.
bool TerminalChat::fit(Conversation& next, Prompt& prompt) const {
  const int n_ctx = model_.n_ctx();
  const ContextFit fit = fit_context(next, settings_.on_overflow, n_ctx, settings_.max_tokens, [&](int first_sent) {
    next.set_first_sent(first_sent);
    prompt = model_.prompt(next.sent(), settings_);
    return prompt.n_tokens();
  });
  if (!fit.fits) {
    const int n_trained = model_.session().config().n_ctx_train;
    print_error(
        fmt::format("The conversation with this message takes {} tokens and the context holds {}: nothing was "
                    "sent, and nothing is lost.",
                    fit.n_tokens, n_ctx));
    if (settings_.on_overflow == OverflowPolicy::stop && next.n_turns() > 1)
      print_error("/clear starts again; /set on_overflow drop-oldest leaves out the oldest turns.");
    if (n_trained > n_ctx) print_error(fmt::format("/save FILE, and --ctx makes room: up to {}.", n_trained));
    return false;
  }
  const int n_dropped = fit.first_sent - conversation_.first_sent();
  if (n_dropped > 0)
    print_note(fmt::format("[the context is full: the oldest {} no longer sent; {} kept by /save]",
                           n_dropped == 1 ? "turn is" : fmt::format("{} turns are", n_dropped),
                           n_dropped == 1 ? "it is" : "they are"));
  return true;
}

void TerminalChat::print_end(const Answer& answer) const {
  switch (answer.end) {
    case AnswerEnd::finished:
      break;
    case AnswerEnd::interrupted:
      print_note("[stopped]");
      break;
    case AnswerEnd::max_tokens:
      print_note(fmt::format("[cut at max_tokens {}]", settings_.max_tokens));
      break;
    case AnswerEnd::context_full:
      print_note(fmt::format("[cut: the context is full at {} tokens; /clear starts again]", model_.n_ctx()));
      break;
  }
}

void TerminalChat::set_system(std::string_view text) {
  if (text.empty()) {
    const std::optional<Json>& system = conversation_.system();
    if (!system) return print_note("no system message");
    const auto content = system->find("content");  // parts, or none, where the conversation was loaded
    const bool is_text = content != system->end() && content->is_string();
    return print_note(terminal_safe(is_text ? content->get<std::string>() : system->dump()));
  }
  Conversation next = conversation_;
  next.set_system(text == "-" ? "" : text);
  model_.check(settings_, next);
  conversation_ = std::move(next);
  print_note(fmt::format("{}{}", text == "-" ? "the system message is gone" : "the system message is set",
                         conversation_.n_turns() > 0 ? "; the turns stay, /clear starts again" : ""));
}

void TerminalChat::clear() {
  const int n_turns = conversation_.n_turns();
  conversation_.clear();
  last_answer_.reset();
  print_note(n_turns > 0 ? fmt::format("{} forgotten", counted(n_turns, "turn")) : "nothing to forget");
}

void TerminalChat::save(const std::string& typed) {
  if (typed.empty() && !file_) throw UsageError("/save needs a file");
  const std::filesystem::path path = typed.empty() ? *file_ : typed_path(typed);
  std::error_code unknown;  // what cannot be looked at cannot be written, which save_chat() says
  if (std::filesystem::exists(path, unknown) && path != file_)
    throw Error(ErrorCode::io, "{}: exists already; another name?", path.string());
  save_chat(path, model_.name(), conversation_, settings_);
  file_ = path;
  print_note(fmt::format("{} saved to {}", counted(conversation_.n_turns(), "turn"), path.string()));
}

void TerminalChat::load(const std::string& typed) {
  if (typed.empty()) throw UsageError("/load needs a file");
  const std::filesystem::path path = typed_path(typed);
  SavedChat saved = load_chat(path);
  ChatSettings settings = settings_;
  read_settings(saved.settings, settings);
  model_.check(settings, saved.conversation);
  conversation_ = std::move(saved.conversation);
  settings_ = std::move(settings);
  file_ = path;
  last_answer_.reset();
  const bool waits = conversation_.has_question() && !conversation_.has_answer();
  print_note(fmt::format("{} loaded from {}{}", counted(conversation_.n_turns(), "turn"), path.string(),
                         waits ? "; /retry answers the last message" : ""));
}

void TerminalChat::set(std::string_view argument) {
  if (argument.empty()) {
    for (const std::string& name : setting_names())
      fmt::print(stderr, "  {:<18} {:<12} {}\n", name, setting_text(settings_, name), dim(stderr, setting_help(name)));
    return;
  }
  const size_t end = argument.find_first_of(" \t=");
  if (end == 0) throw UsageError(fmt::format("/set takes NAME VALUE, found '{}'", escaped(argument, 40)));
  const std::string name = known_setting(argument.substr(0, end));
  std::string_view value = end == std::string_view::npos ? "" : trimmed(argument.substr(end));
  if (value.starts_with('=')) value = trimmed(value.substr(1));
  ChatSettings changed = settings_;
  if (!value.empty()) set_setting(changed, name, value);
  print_note(fmt::format("{} is {}", name, setting_text(changed, name)));
  settings_ = std::move(changed);
}

void TerminalChat::think(std::string_view argument) {
  const TemplateAbilities& abilities = model_.chat_template().abilities();
  ChatSettings changed = settings_;
  if (argument == "on" || argument == "off") {
    changed.thinks = argument == "on";
  } else if (!argument.empty()) {
    throw UsageError(fmt::format("/think is '{}'; expected on or off", escaped(argument, 40)));
  }
  model_.check(changed, conversation_);
  settings_ = std::move(changed);
  if (abilities.thinking_switch.empty()) {
    print_note("this chat template has no switch for thinking");
  } else {
    print_note(settings_.thinks.value_or(abilities.thinks_by_default) ? "thinking is on" : "thinking is off");
  }
}

void TerminalChat::print_tokens(std::string_view text) const {
  if (!text.empty()) {
    const std::vector<int32_t> tokens = model_.tokenizer().encode(text, true);
    if (wants_color(stdout)) {
      print_token_colours(stdout, model_.tokenizer(), tokens);
    } else {
      print_token_lines(stdout, model_.tokenizer(), tokens);
    }
    return print_note(counted(static_cast<int64_t>(tokens.size()), "token"));
  }
  const Json messages = conversation_.sent();
  const bool waits = conversation_.has_question() && !conversation_.has_answer();
  const int n_tokens = messages.empty() ? 0 : model_.prompt(messages, settings_, waits).n_tokens();
  print_note(fmt::format("{} in {}: {} of the {} that the context holds",
                         counted(static_cast<int64_t>(messages.size()), "message"),
                         counted(conversation_.n_turns() - conversation_.first_sent(), "turn"),
                         counted(n_tokens, "token"), model_.n_ctx()));
}

void TerminalChat::print_stats() const {
  if (!last_answer_) return print_note("no answer yet");
  print_note(answer_figures(*last_answer_, model_.n_ctx()));
}

}  // namespace quandex::cli
