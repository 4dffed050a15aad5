// Renders chat templates for tests written in Python. Reads lines {"template": text, "context": object} and answers
// each with a line {"text": text} or {"error": {"code": name, "message": text}}. A line may also set "max_steps",
// "max_depth", "max_output_bytes" and "max_memory_bytes". The clock stands still, at --now SECONDS since 1970.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "text/jinja/template.h"

namespace quandex {
namespace {

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::invalid_file:
      return "invalid_file";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::io:
      return "io";
    case ErrorCode::out_of_memory:
      return "out_of_memory";
    case ErrorCode::device:
      return "device";
    case ErrorCode::unavailable:
      return "unavailable";
  }
  return "unknown";
}

// Keeps the last template: a test asks for one template over many contexts.
class Renderer {
 public:
  explicit Renderer(std::chrono::system_clock::time_point now) : now_(now) {}

  std::string answer(const Json& line) {
    jinja::RenderOptions options;
    options.now = now_;
    options.max_steps = line.value("max_steps", options.max_steps);
    options.max_depth = line.value("max_depth", options.max_depth);
    options.max_output_bytes = line.value("max_output_bytes", options.max_output_bytes);
    options.max_memory_bytes = line.value("max_memory_bytes", options.max_memory_bytes);
    Json reply;
    try {
      compile(line.at("template").get_ref<const std::string&>());
      reply["text"] = template_->render(line.at("context"), options);
    } catch (const Error& error) {
      reply["error"] = {{"code", name_of(error.code())}, {"message", error.what()}};
    }
    return reply.dump();  // throws where a text is not UTF-8, which ends the program: that would be the engine's fault
  }

 private:
  void compile(const std::string& source) {
    if (template_ && source == source_) return;
    template_.reset();
    template_ = std::make_unique<jinja::Template>(source, "case");
    source_ = source;
  }

  const std::chrono::system_clock::time_point now_;
  std::string source_;
  std::unique_ptr<jinja::Template> template_;
};

}  // namespace
}  // namespace quandex

int main(int argc, char** argv) {
  if (argc != 3 || std::string_view(argv[1]) != "--now") {
    std::fprintf(stderr, "usage: render_cases --now SECONDS <CASES >ANSWERS\n");
    return 2;
  }
  const std::chrono::seconds now{std::strtoll(argv[2], nullptr, 10)};
  quandex::Renderer renderer{std::chrono::system_clock::time_point{now}};
  for (std::string line; std::getline(std::cin, line);)
    std::cout << renderer.answer(quandex::parse_json(line, "case")) << '\n' << std::flush;
  return 0;
}
