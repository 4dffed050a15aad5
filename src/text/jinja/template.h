// Chat templates: the Jinja language as Python's jinja2 3.1 understands it in the environment of transformers
// (sandboxed and immutable, trim_blocks, lstrip_blocks, loop controls, `generation` tags, no autoescape). What it
// renders is the same to the byte. A template reaches the variables of its context, the functions of Jinja, and nothing
// else.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"

namespace quandex::jinja {

struct Program;

// What one rendering may use, so that a hostile template ends in an error within seconds.
struct RenderOptions {
  // Statements and expressions evaluated, items walked, and 64-byte pieces of text made or searched.
  uint64_t max_steps = 50'000'000;
  // Statements, expressions and calls of macros within each other; a level takes about half a kilobyte of stack.
  int max_depth = 800;
  // Of text, including what set, filter and call blocks and macros hold back while they run.
  size_t max_output_bytes = size_t{64} << 20;
  // Of values that are alive at once, the context included.
  size_t max_memory_bytes = size_t{256} << 20;
  // Of strftime_now, shown in local time.
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
};

// Immutable: several threads may render one template at once.
class Template {
 public:
  // `name` is for messages. Throws Error{invalid_file} "NAME: line L column C: found X, expected Y", and
  // Error{unsupported} for what jinja2 has and this engine refuses by name: include, import, extends, block, recursive
  // loops, autoescape. Columns count characters.
  Template(std::string_view source, std::string name);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  Template(const Template&) = delete;
  Template& operator=(const Template&) = delete;

  // `context` is an object; its members are the variables. raise_exception() of a template throws
  // Error{invalid_argument} "NAME: line L column C: MESSAGE"; every other failure is Error{invalid_file}, or
  // Error{unsupported}, with line and column.
  std::string render(const Json& context, const RenderOptions& options = {}) const;

 private:
  std::string name_;
  std::unique_ptr<const Program> program_;
};

}  // namespace quandex::jinja
