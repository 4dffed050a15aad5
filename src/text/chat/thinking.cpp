#include "text/chat/thinking.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>

namespace quandex {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kStops = ".,;:!?)";  // may stand right behind the word

struct Word {
  size_t begin = 0, end = 0;
  bool thinks = false;
};

// The first such word that begins at `from` or later.
std::optional<Word> find_word(std::string_view text, size_t from) {
  for (size_t at = text.find('/', from); at != std::string_view::npos; at = text.find('/', at + 1)) {
    if (at > 0 && kSpace.find(text[at - 1]) == std::string_view::npos) continue;
    const size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    std::string_view word = text.substr(at, end - at);
    while (kStops.find(word.back()) != std::string_view::npos) word.remove_suffix(1);
    const bool thinks = word == "/think";
    if (thinks || word == "/no_think" || word == "/nothink") return Word{at, at + word.size(), thinks};
  }
  return std::nullopt;
}

std::optional<bool> last_switch(std::string_view text) {
  std::optional<bool> last;
  for (auto word = find_word(text, 0); word; word = find_word(text, word->end)) last = word->thinks;
  return last;
}

std::optional<bool> last_switch_of(const Json& content) {
  if (content.is_string()) return last_switch(content.get_ref<const std::string&>());
  std::optional<bool> last;
  if (!content.is_array()) return last;
  for (const Json& part : content)
    if (part.is_object() && part.contains("text") && part["text"].is_string())
      if (const auto found = last_switch(part["text"].get_ref<const std::string&>())) last = found;
  return last;
}

}  // namespace

std::optional<bool> soft_thinking_switch(const Json& messages) {
  std::optional<bool> last;
  for (const Json& message : messages) {
    if (!message.is_object() || !message.contains("role") || !message.contains("content")) continue;
    if (message["role"] != "user" && message["role"] != "system") continue;
    if (const auto found = last_switch_of(message["content"])) last = found;
  }
  return last;
}

std::string without_thinking_switches(std::string_view text) {
  std::string kept;
  size_t done = 0;
  for (auto word = find_word(text, 0); word; word = find_word(text, word->end)) {
    kept += text.substr(done, word->begin - done);
    kept.erase(kept.find_last_not_of(kSpace) + 1);  // npos + 1 is 0
    done = word->end;
  }
  return kept.append(text.substr(done));
}

}  // namespace quandex
