#include "cli/token_view.h"

#include <fmt/format.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "base/utf8.h"
#include "cli/escape.h"
#include "cli/terminal.h"

namespace quandex::cli {
namespace {

constexpr const char* kGrounds[2] = {"\033[30;46m", "\033[30;47m"};  // black on cyan, black on white
constexpr const char* kControlGround = "\033[30;43m";                // black on yellow
constexpr const char* kReset = "\033[0m";

const char* ground_of(const Tokenizer& tokenizer, int32_t token, size_t index) {
  return tokenizer.is_control(token) ? kControlGround : kGrounds[index % 2];
}

std::string bytes_of(const Tokenizer& tokenizer, int32_t token) {
  std::string bytes;
  tokenizer.append(token, bytes, true);
  return bytes;
}

void write_or_throw(std::FILE* stream, std::string_view text) {
  if (!write_text(stream, text)) throw std::system_error(EPIPE, std::generic_category());
}

}  // namespace

void print_token_lines(std::FILE* stream, const Tokenizer& tokenizer, std::span<const int32_t> tokens) {
  const bool in_colour = wants_color(stream);
  std::string lines;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string text = escaped(bytes_of(tokenizer, tokens[i]));
    lines += in_colour ? fmt::format("{:>7} {}{}{}\n", tokens[i], ground_of(tokenizer, tokens[i], i), text, kReset)
                       : fmt::format("{:>7} {}\n", tokens[i], text);
  }
  write_or_throw(stream, lines);
}

// Tokens may split characters: their bytes are put together again under the colour of the token that ends them, since a
// terminal shows no half of a character.
void print_token_colours(std::FILE* stream, const Tokenizer& tokenizer, std::span<const int32_t> tokens) {
  std::string shown, pending;
  for (size_t i = 0; i < tokens.size(); ++i) {
    pending += bytes_of(tokenizer, tokens[i]);
    const bool is_last = i + 1 == tokens.size();
    const size_t n_ready = is_last ? pending.size() : pending.size() - incomplete_utf8_suffix(pending);
    std::string_view ready = std::string_view(pending).substr(0, n_ready);
    const std::string ground = ground_of(tokenizer, tokens[i], i);
    while (!ready.empty()) {
      const size_t end = ready.find('\n');
      const std::string line = escaped(ready.substr(0, end));
      if (end == std::string_view::npos) {
        shown += ground + line + kReset;
        break;
      }
      shown += ground + line + "↵" + kReset + "\n";  // the colour ends before the break: terminals fill lines with it
      ready.remove_prefix(end + 1);
    }
    pending.erase(0, n_ready);
  }
  if (!shown.ends_with('\n')) shown += '\n';
  write_or_throw(stream, shown);
}

}  // namespace quandex::cli
