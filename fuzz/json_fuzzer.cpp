// Arbitrary bytes as JSON text: the library's own tree, or a refusal that says where and why.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace {

void require(bool claim) {
  if (!claim) std::abort();
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// We refuse what the library refuses, and of what it accepts only these.
bool is_stricter_rule(std::string_view message) {
  return has(message, " levels deep, ") || has(message, " twice in the object ") || has(message, "found byte 0x00, ");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const quandex::Json json = quandex::parse_json(text, "fuzz");
    require(json == quandex::Json::parse(text));
  } catch (const quandex::Error& error) {
    const std::string_view message = error.what();
    require(message.starts_with("fuzz: line ") && has(message, ": found ") && has(message, ", expected "));
    require(is_stricter_rule(message) || !quandex::Json::accept(text));
  }
  return 0;
}
