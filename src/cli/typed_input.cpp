#include "cli/typed_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "cli/escape.h"
#include "cli/usage.h"

namespace quandex::cli {
namespace {

constexpr std::string_view kFence = "\"\"\"";
constexpr std::string_view kSpace = " \t\r\n\v\f";

constexpr std::array<CommandInfo, 11> kCommands{{
    {CommandId::help, "/help", "", "this list"},
    {CommandId::system, "/system", "[TEXT]", "show the system message, or set it; - removes it"},
    {CommandId::clear, "/clear", "", "start again; the system message stays"},
    {CommandId::retry, "/retry", "", "answer the last message once more"},
    {CommandId::save, "/save", "[FILE]", "write the conversation and the settings as JSON"},
    {CommandId::load, "/load", "FILE", "go on with a saved conversation"},
    {CommandId::set, "/set", "[NAME VALUE]", "show or change settings"},
    {CommandId::think, "/think", "[on|off]", "whether the model thinks before it answers"},
    {CommandId::tokens, "/tokens", "[TEXT]", "the tokens of the conversation, or of a text"},
    {CommandId::stats, "/stats", "", "figures of the last answer"},
    {CommandId::exit, "/exit", "", "leave; Ctrl-D does so too"},
}};

bool takes_argument(const CommandInfo& command) { return !command.arguments.empty(); }

}  // namespace

std::span<const CommandInfo> chat_commands() { return kCommands; }

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

void InputAssembler::clear() {
  state_ = State::start;
  text_.clear();
}

std::string InputAssembler::take() {
  state_ = State::start;
  return std::exchange(text_, {});
}

std::optional<std::string> InputAssembler::add(std::string_view line) {
  if (state_ == State::start && line.find('\n') != std::string_view::npos) return std::string(line);
  if (state_ == State::start && line.starts_with(kFence)) {
    line.remove_prefix(kFence.size());
    state_ = State::block;
  } else if (state_ == State::block) {
    text_ += '\n';
  }
  if (state_ == State::block) {
    const bool closes = line.ends_with(kFence);
    if (closes) line.remove_suffix(kFence.size());
    text_ += line;
    if (!closes) return std::nullopt;
    // The newlines beside the fences are theirs.
    if (text_.starts_with('\n')) text_.erase(0, 1);
    if (text_.ends_with('\n')) text_.pop_back();
    return take();
  }
  if (line.ends_with('\\')) {
    text_ += line.substr(0, line.size() - 1);
    text_ += '\n';
    state_ = State::continued;
    return std::nullopt;
  }
  text_ += line;
  return take();
}

TypedInput parse_typed(std::string_view input) {
  if (trimmed(input).empty()) return Nothing{};
  if (!input.starts_with('/')) return Message{std::string(input)};
  if (input.starts_with("//")) return Message{std::string(input.substr(1))};
  const size_t end = std::min(input.find_first_of(kSpace), input.size());
  std::string_view word = input.substr(0, end);
  const std::string_view argument = trimmed(input.substr(end));
  if (word == "/quit" || word == "/bye") word = "/exit";  // what other programs call it
  // What Qwen's models are told in a message: alone it means the switch. "/think" is near and the opposite.
  if (word == "/no_think" || word == "/nothink") {
    if (argument.empty()) return Command{CommandId::think, "off"};
    throw UsageError(fmt::format("{0} alone turns thinking off; /{0} {1} sends a message that begins with {0}", word,
                                 escaped(argument, 40)));
  }
  const auto* found = std::find_if(kCommands.begin(), kCommands.end(), [&](const auto& c) { return c.word == word; });
  if (found == kCommands.end()) {
    std::vector<std::string> words;
    for (const CommandInfo& command : kCommands) words.emplace_back(command.word);
    const std::string near = suggestion(word, words);
    throw UsageError(
        fmt::format("no command {}{}", escaped(word, 40),
                    near.empty() ? "; /help lists them, and //... sends a message that begins with /" : near));
  }
  if (!argument.empty() && !takes_argument(*found))
    throw UsageError(fmt::format("{} takes no argument, found '{}'", word, escaped(argument, 40)));
  return Command{found->id, std::string(argument)};
}

}  // namespace quandex::cli
