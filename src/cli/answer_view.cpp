#include "cli/answer_view.h"

#include <fmt/format.h>

#include <utility>

#include "base/utf8.h"
#include "cli/terminal.h"

namespace quandex::cli {

std::string terminal_safe(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const DecodedCodepoint c = decode_utf8(text);
    const std::string_view bytes = text.substr(0, static_cast<size_t>(c.n_bytes));
    text.remove_prefix(bytes.size());
    const bool is_control = c.value < 0x20 || (c.value >= 0x7f && c.value < 0xa0);
    if (is_control && c.value != '\n' && c.value != '\t') {
      safe += fmt::format("\\x{:02x}", static_cast<uint32_t>(c.value));
    } else {
      safe += bytes;
    }
  }
  return safe;
}

AnswerView::AnswerView(std::FILE* stream) : AnswerView(stream, is_terminal(stream), wants_color(stream)) {}

AnswerView::AnswerView(std::FILE* stream, bool is_terminal, bool has_colour)
    : stream_(stream), is_terminal_(is_terminal), has_colour_(has_colour) {}

void AnswerView::put(std::string_view text, bool is_dimmed) {
  if (text.empty()) return;
  last_ = text.back();
  const std::string shown = is_terminal_ ? terminal_safe(text) : std::string(text);
  ready_ += is_dimmed && has_colour_ ? fmt::format("\033[2m{}\033[0m", shown) : shown;
}

void AnswerView::enter(At next) {
  if (at_ == next && next != At::call) return;
  const bool says_marks = is_terminal_ && !has_colour_;
  if (at_ != At::start && last_ != '\n') put("\n", false);
  if (at_ == At::reasoning) put(says_marks ? "[answer]\n" : "\n", false);
  if (next == At::reasoning && says_marks) put("[thinking]\n", false);
  at_ = next;
}

bool AnswerView::show(const ChatDelta& delta) {
  size_t n_calls = 0;
  for (const ChatPart& part : delta.parts) {
    if (part.kind == ChatPart::Kind::tool_call) {
      const ToolCall& call = delta.tool_calls[n_calls++];
      enter(At::call);
      put(fmt::format("[tool call] {} {}", call.name, call.arguments), false);
    } else if (part.kind == ChatPart::Kind::reasoning && is_terminal_ && !part.text.empty()) {
      enter(At::reasoning);
      put(part.text, true);
    } else if (part.kind == ChatPart::Kind::content && !part.text.empty()) {
      enter(At::content);
      put(part.text, false);
    }
  }
  const std::string ready = std::exchange(ready_, {});
  return ready.empty() || write_text(stream_, ready);
}

bool AnswerView::finish() {
  if (last_ == '\n') return true;
  return write_text(stream_, "\n");
}

}  // namespace quandex::cli
