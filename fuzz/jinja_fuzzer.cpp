// Arbitrary bytes as a chat template, a zero byte, and its context: a text within the budgets, or an Error that says
// where. Where what follows the last zero byte is no JSON object, the context is one of ours.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/jinja/template.h"

namespace {

constexpr std::string_view kContext =
    R"({"s": "te\u00e9xt", "n": 7, "l": [3, 1, 2], "d": {"b": 1, "a": "x"}, "bos_token": "<s>", "add_generation_prompt": true,
        "rows": [{"name": "Cy", "in": {"k": 2}}, {"name": "ann"}], "tools": [{"function": {"name": "f", "arguments": {}}}],
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [{"type": "text", "text": "Ho"}]}]})";

void require(bool claim) {
  if (!claim) std::abort();
}

std::optional<quandex::Json> parse_object(std::string_view text) {
  try {
    quandex::Json json = quandex::parse_json(text, "context");
    if (json.is_object()) return json;
  } catch (const quandex::Error&) {
  }
  return std::nullopt;
}

// The rendering, or the message of the error.
std::string render(std::string_view source, const quandex::Json& context) {
  quandex::jinja::RenderOptions options;
  options.max_steps = 20'000;
  options.max_depth = 200;
  options.max_output_bytes = 1 << 16;
  options.max_memory_bytes = 1 << 20;
  options.now = std::chrono::system_clock::time_point{std::chrono::seconds{1'722'004'496}};
  try {
    const std::string text = quandex::jinja::Template(source, "fuzz").render(context, options);
    require(text.size() <= options.max_output_bytes);
    require(quandex::is_valid_utf8(text) || !quandex::is_valid_utf8(source));
    return text;
  } catch (const quandex::Error& error) {
    const std::string message = error.what();
    require(message.starts_with("fuzz: line "));
    return message;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t end = bytes.rfind('\0');
  std::optional<quandex::Json> context;
  if (end != bytes.npos) context = parse_object(bytes.substr(end + 1));
  if (!context) context = parse_object(kContext);
  render(bytes.substr(0, end), *context);
  return 0;
}
