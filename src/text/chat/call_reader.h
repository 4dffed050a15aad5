// Reads one tool call, or a list of them, behind the marker that announced it. Takes exactly the text that belongs to
// the call or, where it turns out to be none, the text up to the character that shows it: each character is looked at
// once, so a model that writes a million broken calls costs no more than one that writes prose.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat/chat_message.h"
#include "text/chat/json_scan.h"

namespace quandex {

inline constexpr std::string_view kToolCallOpen = "<tool_call>", kToolCallClose = "</tool_call>";
inline constexpr std::string_view kPythonTag = "<|python_tag|>";
inline constexpr std::string_view kMistralCalls = "[TOOL_CALLS]", kMistralId = "[CALL_ID]", kMistralArgs = "[ARGS]";

enum class CallForm : uint8_t {
  tagged_json,    // behind <tool_call>
  llama3_tagged,  // behind <|python_tag|>: objects, with semicolons or white space between them, or name.call(key="…")
  llama3_bare,    // the same without a marker; a call only where the text ends with it
  mistral         // behind [TOOL_CALLS]: an array, or a name and its arguments
};

struct ReadCall {
  ToolCall call;     // id empty where the model gave none
  std::string text;  // as written; the texts of a list of calls together are all of it
};

class CallReader {
 public:
  enum class Outcome : uint8_t { more, calls, no_call };

  CallReader(CallForm form, std::string_view marker) : form_(form), text_(marker) {}

  // Takes text from its front, `n_taken` bytes. `is_end`: no more will come, so the outcome is not `more`.
  Outcome read(std::string_view text, bool is_end, size_t& n_taken);

  const std::string& text() const { return text_; }  // what was taken, behind the marker
  std::vector<ReadCall> take_calls();

 private:
  enum class Stage : uint8_t {
    opening,
    name,
    bracket,
    call_id,
    python_name,
    python_call,
    python_arguments,
    json,
    closing
  };
  struct Input {
    std::string_view text;
    bool is_end;
  };
  std::optional<Outcome> step(Input& input);
  std::optional<Outcome> read_opening(Input& input);
  std::optional<Outcome> read_word(Input& input, std::string& word);
  std::optional<Outcome> read_bracket(Input& input);
  std::optional<Outcome> read_python_name(Input& input);
  std::optional<Outcome> read_python_call(Input& input);
  std::optional<Outcome> read_python_arguments(Input& input);
  std::optional<Outcome> read_json(Input& input);
  std::optional<Outcome> read_closing(Input& input);
  std::optional<Outcome> read_next_object(Input& input);
  void take(Input& input, size_t n_bytes);
  void take_space(Input& input, std::string_view characters);
  void begin_json() {
    json_begin_ = text_.size();
    scan_ = JsonScan();
    stage_ = Stage::json;
  }
  bool add_calls(std::string_view json);
  void end_call(ToolCall call, size_t end);

  CallForm form_;
  std::string text_;
  Stage stage_ = Stage::opening;
  JsonScan scan_;
  size_t json_begin_ = 0;
  std::string name_, call_id_;  // of Mistral's named form; the name also of name.call()
  std::vector<ReadCall> calls_;
  size_t calls_end_ = 0;  // of the last call in text_
};

// The call in the JSON text of an object: a name and "arguments" or "parameters", which are an object or its JSON text.
// `is_strict`: the arguments must be there and nothing but a type and an id beside them; otherwise missing ones are {}.
std::optional<ToolCall> read_call(std::string_view object, bool is_strict);

// `key="…", other=1` as the text of an object, where each value is JSON; nothing where one is not.
std::optional<std::string> object_of_python_arguments(std::string_view arguments);

}  // namespace quandex
