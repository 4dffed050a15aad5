#include "text/chat/call_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"

namespace quandex {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr size_t kMaxNameBytes = 256;

bool is_identifier_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// JSON that a model wrote is no error when it is malformed, only no call.
std::optional<Json> parse_if_valid(std::string_view text) {
  try {
    return parse_json(text, "tool call");
  } catch (const Error&) {
    return std::nullopt;
  }
}

struct Member {
  const Json* value = nullptr;
  std::string_view text;
};

Member find_member(const Json& object, const std::vector<std::string_view>& texts, std::string_view key) {
  size_t i = 0;
  for (const auto& [name, value] : object.items()) {
    if (name == key) return {&value, texts[i]};
    ++i;
  }
  return {};
}

// The exact text of an object, also of one that was written as a string.
std::optional<std::string> arguments_text(const Member& member) {
  if (member.value->is_object()) return std::string(member.text);
  if (!member.value->is_string()) return std::nullopt;
  std::string text = member.value->get<std::string>();
  const auto json = parse_if_valid(text);
  if (!json || !json->is_object()) return std::nullopt;
  return text;
}

bool has_other_members(const Json& object) {
  constexpr std::string_view kKnown[] = {"name", "arguments", "parameters", "type", "id"};
  return std::ranges::any_of(object.items(), [&](const auto& item) {
    return std::ranges::find(kKnown, std::string_view(item.key())) == std::end(kKnown);
  });
}

// Whether the text begins with the word, or may once more of it has come.
enum class Match : uint8_t { yes, no, not_yet };
Match match(std::string_view text, std::string_view word) {
  if (text.starts_with(word)) return Match::yes;
  return word.starts_with(text) ? Match::not_yet : Match::no;
}

}  // namespace

std::optional<ToolCall> read_call(std::string_view object, bool is_strict) {
  const auto json = parse_if_valid(object);
  if (!json || !json->is_object()) return std::nullopt;
  const std::vector<std::string_view> texts = json_values(object);
  if (const Member function = find_member(*json, texts, "function");
      function.value != nullptr && function.value->is_object() && json->value("type", Json()) == "function") {
    return read_call(function.text, is_strict);
  }
  if (is_strict && has_other_members(*json)) return std::nullopt;
  const Member name = find_member(*json, texts, "name"), id = find_member(*json, texts, "id");
  if (name.value == nullptr || !name.value->is_string() || name.text == "\"\"") return std::nullopt;
  Member arguments = find_member(*json, texts, "arguments");
  const Member parameters = find_member(*json, texts, "parameters");
  if (arguments.value != nullptr && parameters.value != nullptr) return std::nullopt;
  if (arguments.value == nullptr) arguments = parameters;
  ToolCall call{.id = {}, .name = name.value->get<std::string>(), .arguments = "{}"};
  if (arguments.value != nullptr) {
    auto text = arguments_text(arguments);
    if (!text) return std::nullopt;
    call.arguments = std::move(*text);
  } else if (is_strict) {
    return std::nullopt;
  }
  if (id.value != nullptr && id.value->is_string()) call.id = id.value->get<std::string>();
  return call;
}

std::optional<std::string> object_of_python_arguments(std::string_view arguments) {
  const std::string list = fmt::format("[{}]", arguments);
  std::string object = "{";
  for (const std::string_view argument : json_values(list)) {
    const size_t equals = argument.find('=');
    const std::string_view key = argument.substr(0, equals);
    if (equals == std::string_view::npos || key.empty() || !std::ranges::all_of(key, is_identifier_character))
      return std::nullopt;
    object += fmt::format("{}\"{}\": {}", object.size() > 1 ? ", " : "", key, argument.substr(equals + 1));
  }
  object += '}';
  if (!parse_if_valid(object)) return std::nullopt;
  return object;
}

CallReader::Outcome CallReader::read(std::string_view text, bool is_end, size_t& n_taken) {
  Input input{text, is_end};
  std::optional<Outcome> outcome;
  while (!outcome) outcome = step(input);
  n_taken = text.size() - input.text.size();
  return *outcome == Outcome::more && is_end ? Outcome::no_call : *outcome;
}

std::vector<ReadCall> CallReader::take_calls() {
  calls_.back().text.append(text_, calls_end_);
  return std::move(calls_);
}

std::optional<CallReader::Outcome> CallReader::step(Input& input) {
  switch (stage_) {
    case Stage::opening:
      return read_opening(input);
    case Stage::name:
      return read_word(input, name_);
    case Stage::bracket:
      return read_bracket(input);
    case Stage::call_id:
      return read_word(input, call_id_);
    case Stage::python_name:
      return read_python_name(input);
    case Stage::python_call:
      return read_python_call(input);
    case Stage::python_arguments:
      return read_python_arguments(input);
    case Stage::json:
      return read_json(input);
    case Stage::closing:
      return form_ == CallForm::tagged_json ? read_closing(input) : read_next_object(input);
  }
  return Outcome::no_call;
}

std::optional<CallReader::Outcome> CallReader::read_opening(Input& input) {
  take_space(input, kSpace);
  if (input.text.empty()) return Outcome::more;
  const bool is_named = form_ == CallForm::mistral && !name_.empty();
  const char opening = form_ == CallForm::mistral && !is_named ? '[' : '{';
  if (input.text.front() == opening) {
    begin_json();
    return std::nullopt;
  }
  if (form_ != CallForm::llama3_tagged && (form_ != CallForm::mistral || is_named)) return Outcome::no_call;
  stage_ = form_ == CallForm::mistral ? Stage::name : Stage::python_name;
  return std::nullopt;
}

// A name or an id: up to the bracket behind it.
std::optional<CallReader::Outcome> CallReader::read_word(Input& input, std::string& word) {
  const size_t n = std::min(input.text.find('['), input.text.size());
  const std::string_view part = input.text.substr(0, n);
  const auto is_wrong = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '{' || c == '"'; };
  const size_t n_right = static_cast<size_t>(std::ranges::find_if(part, is_wrong) - part.begin());
  const size_t n_room = kMaxNameBytes - word.size();
  if (n_right < n || n > n_room) {
    take(input, std::min(n_right, n_room));
    return Outcome::no_call;
  }
  word += part;
  take(input, n);
  if (input.text.empty()) return Outcome::more;
  if (word.empty()) return Outcome::no_call;
  stage_ = Stage::bracket;
  return std::nullopt;
}

std::optional<CallReader::Outcome> CallReader::read_bracket(Input& input) {
  const Match args = match(input.text, kMistralArgs);
  const Match id = call_id_.empty() ? match(input.text, kMistralId) : Match::no;
  if (args == Match::yes) {
    take(input, kMistralArgs.size());
    stage_ = Stage::opening;
    return std::nullopt;
  }
  if (id == Match::yes) {
    take(input, kMistralId.size());
    stage_ = Stage::call_id;
    return std::nullopt;
  }
  return args == Match::no && id == Match::no ? Outcome::no_call : Outcome::more;
}

// How Llama 3.1 calls the tools that it brings along: brave_search.call(query="…"). Any other code is no call.
std::optional<CallReader::Outcome> CallReader::read_python_name(Input& input) {
  const auto ends = std::ranges::find_if_not(input.text, is_identifier_character);
  const size_t n = static_cast<size_t>(ends - input.text.begin());
  name_ += input.text.substr(0, n);
  take(input, n);
  if (name_.size() > kMaxNameBytes) return Outcome::no_call;
  if (input.text.empty()) return Outcome::more;
  stage_ = Stage::python_call;
  return name_.empty() ? std::optional(Outcome::no_call) : std::nullopt;
}

std::optional<CallReader::Outcome> CallReader::read_python_call(Input& input) {
  constexpr std::string_view kCall = ".call(";
  const Match call = match(input.text, kCall);
  if (call != Match::yes) return call == Match::no ? Outcome::no_call : Outcome::more;
  take(input, kCall.size());
  stage_ = Stage::python_arguments;
  json_begin_ = text_.size();
  scan_ = JsonScan();
  scan_.push('[');  // the arguments end where a list of them would
  return std::nullopt;
}

std::optional<CallReader::Outcome> CallReader::read_python_arguments(Input& input) {
  for (size_t n = 0; n < input.text.size(); ++n) {
    const char c = input.text[n];
    const bool is_name = !scan_.is_in_string() && (c == '=' || c == '_');
    const bool is_end = c == ')' && scan_.may_close();
    if (!is_name && !is_end && scan_.push(c) != JsonScan::Result::more) {
      take(input, n);
      return Outcome::no_call;
    }
    if (!is_end) continue;
    take(input, n);
    auto arguments = object_of_python_arguments(std::string_view(text_).substr(json_begin_));
    if (!arguments) return Outcome::no_call;
    take(input, 1);
    end_call({.id = {}, .name = name_, .arguments = std::move(*arguments)}, text_.size());
    return Outcome::calls;
  }
  take(input, input.text.size());
  return Outcome::more;
}

std::optional<CallReader::Outcome> CallReader::read_json(Input& input) {
  size_t n = 0;
  JsonScan::Result result = JsonScan::Result::more;
  while (n < input.text.size() && result == JsonScan::Result::more) result = scan_.push(input.text[n++]);
  take(input, result == JsonScan::Result::invalid ? n - 1 : n);
  if (result == JsonScan::Result::more) return Outcome::more;
  if (result == JsonScan::Result::invalid || !add_calls(std::string_view(text_).substr(json_begin_)))
    return Outcome::no_call;
  if (form_ == CallForm::mistral) return Outcome::calls;
  stage_ = Stage::closing;
  return std::nullopt;
}

// The closing tag may be missing at the end of the text, or where the next call begins.
std::optional<CallReader::Outcome> CallReader::read_closing(Input& input) {
  take_space(input, kSpace);
  const Match closing = match(input.text, kToolCallClose);
  if (closing == Match::yes) {
    take(input, kToolCallClose.size());
    return Outcome::calls;
  }
  if (input.is_end && closing == Match::not_yet) {
    take(input, input.text.size());
    return Outcome::calls;
  }
  const Match next = match(input.text, kToolCallOpen);
  if (next == Match::yes || (input.is_end && next == Match::not_yet)) return Outcome::calls;
  return closing == Match::no && next == Match::no ? Outcome::no_call : Outcome::more;
}

std::optional<CallReader::Outcome> CallReader::read_next_object(Input& input) {
  take_space(input, " \t\r\n;");
  if (input.text.empty()) return input.is_end ? Outcome::calls : Outcome::more;
  if (input.text.front() == '{') {
    begin_json();
    return std::nullopt;
  }
  return form_ == CallForm::llama3_bare ? Outcome::no_call : Outcome::calls;
}

void CallReader::take(Input& input, size_t n_bytes) {
  text_ += input.text.substr(0, n_bytes);
  input.text.remove_prefix(n_bytes);
}

void CallReader::take_space(Input& input, std::string_view characters) {
  take(input, std::min(input.text.find_first_not_of(characters), input.text.size()));
}

// All calls of the JSON text, or none where one of them is malformed.
bool CallReader::add_calls(std::string_view json) {
  if (!name_.empty()) {
    if (!parse_if_valid(json)) return false;
    end_call({.id = call_id_, .name = name_, .arguments = std::string(json)}, text_.size());
    return true;
  }
  if (json.front() == '{') {
    auto call = read_call(json, form_ == CallForm::llama3_bare || form_ == CallForm::llama3_tagged);
    if (call) end_call(std::move(*call), text_.size());
    return call.has_value();
  }
  if (!parse_if_valid(json)) return false;
  std::vector<std::pair<ToolCall, size_t>> calls;
  for (const std::string_view value : json_values(json)) {
    auto call = read_call(value, false);
    if (!call) return false;
    calls.emplace_back(std::move(*call), static_cast<size_t>(value.data() + value.size() - text_.data()));
  }
  for (auto& [call, end] : calls) end_call(std::move(call), end);
  return !calls.empty();
}

void CallReader::end_call(ToolCall call, size_t end) {
  calls_.push_back({std::move(call), text_.substr(calls_end_, end - calls_end_)});
  calls_end_ = end;
}

}  // namespace quandex
