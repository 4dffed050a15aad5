// What one rendering has in common: its budgets, the place that errors name, and the making of values, which counts
// against the budgets.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/position.h"
#include "text/jinja/template.h"
#include "text/jinja/value.h"

namespace quandex::jinja {

class Runtime {
 public:
  Runtime(std::string_view template_name, const RenderOptions& options)
      : options_(options), name_(template_name), account_(options.max_memory_bytes) {}
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  const RenderOptions& options() const { return options_; }

  Position at;  // of what is being evaluated

  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw_at(ErrorCode::invalid_file, name_, at, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    throw_at(ErrorCode::unsupported, name_, at, fmt::format(format, std::forward<Args>(args)...));
  }
  [[noreturn]] void fail_as_template_wants(std::string_view message) const {
    throw_at(ErrorCode::invalid_argument, name_, at, message);
  }

  // Work. Failing here ends the rendering.
  void step(uint64_t n = 1) {
    n_steps_ += n;
    if (n_steps_ > options_.max_steps) fail_steps();
  }
  void step_over_bytes(size_t n_bytes) { step(n_bytes / 64); }
  void enter() {
    if (++depth_ > options_.max_depth) fail_depth();
  }
  void leave() { --depth_; }

  // Fails unless that many bytes more may be held; to be asked before something large is made.
  void expect_room(size_t bytes) const {
    if (!account_.has_room(bytes)) fail_memory();
  }
  // Counts bytes against the memory until the charge goes.
  Charge charge(size_t bytes) {
    if (!account_.take(bytes)) fail_memory();
    return {&account_, bytes};
  }

  // Fails where a value cannot be the key of a dict.
  void expect_key(const Value& key);

  // Values.
  Value string(std::string text, bool is_markup = false);
  Value string(std::string_view text) { return string(std::string(text)); }
  Value string(const char* text) { return string(std::string(text)); }
  Value list(std::vector<Value> items) { return sequence(Kind::list, std::move(items)); }
  Value tuple(std::vector<Value> items) { return sequence(Kind::tuple, std::move(items)); }
  Value group(Value grouper, Value items);
  Value dict(Dictionary dictionary);
  Value dict_view(const Value& dict, DictViewKind view);
  Value range(int64_t start, int64_t stop, int64_t step);  // `step` is not 0
  // `nesting` is that of the values that `next` holds, and `bytes` what it holds besides them.
  Value iterator(const char* type_name, uint32_t nesting, std::function<std::optional<Value>()> next, size_t bytes = 0);
  Value undefined(std::string message, bool is_security = false);
  Value undefined_variable(std::string_view name);
  Value method(const Value& self, std::string_view name);
  Value name_space(Dictionary attributes);
  // Remembers a value that may come to hold itself, so that its ring is broken when the rendering ends.
  void remember(const Value& value) { changeable_.push_back(value); }

  // An object of Kind `kind` that holds `bytes` besides itself and values nested that deep.
  template <typename T, typename... Args>
  std::shared_ptr<T> make_object(size_t bytes, uint32_t nesting, Args&&... args) {
    if (nesting >= kMaxNesting) fail_nesting();
    step_over_bytes(bytes);
    auto object = std::make_shared<T>(std::forward<Args>(args)...);
    object->charge = charge(bytes + sizeof(T) + 2 * sizeof(void*));
    object->nesting = nesting + 1;
    return object;
  }

  static constexpr uint32_t kMaxNesting = 200;  // of values within each other

 private:
  Value sequence(Kind kind, std::vector<Value> items);
  [[noreturn]] void fail_steps() const;
  [[noreturn]] void fail_depth() const;
  [[noreturn]] void fail_memory() const;
  [[noreturn]] void fail_nesting() const;

  const RenderOptions& options_;
  std::string_view name_;
  MemoryAccount account_;
  std::vector<Value> changeable_;  // namespaces, and loops that were asked for changes
  uint64_t n_steps_ = 0;
  int depth_ = 0;
};

// One level of recursion while it lives.
class DepthGuard {
 public:
  explicit DepthGuard(Runtime& runtime) : runtime_(runtime) { runtime_.enter(); }
  ~DepthGuard() { runtime_.leave(); }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  Runtime& runtime_;
};

// Charges what is built up over time, while templates may run that build up more of the kind.
class HeldBytes {
 public:
  explicit HeldBytes(Runtime& runtime) : runtime_(runtime) {}
  // Charges at least so many bytes in all.
  void cover(size_t n_bytes) {
    if (n_bytes > n_covered_) grow(n_bytes);
  }
  void release() {
    charge_ = Charge();
    n_covered_ = 0;
  }

 private:
  void grow(size_t n_bytes);

  Runtime& runtime_;
  Charge charge_;
  size_t n_covered_ = 0;
};

// A text that is built up over time.
class TextBuilder {
 public:
  explicit TextBuilder(Runtime& runtime) : runtime_(runtime), held_(runtime) {}
  void append(std::string_view piece) {
    held_.cover(text_.size() + piece.size());
    text_ += piece;
  }
  bool is_empty() const { return text_.empty(); }
  // The text as a value; the builder is spent.
  Value finish(bool is_markup = false) {
    held_.release();
    return runtime_.string(std::move(text_), is_markup);
  }

 private:
  Runtime& runtime_;
  HeldBytes held_;
  std::string text_;
};

// Values that are gathered over time.
class ItemsBuilder {
 public:
  explicit ItemsBuilder(Runtime& runtime) : held_(runtime) {}
  void add(Value item) {
    held_.cover((items_.size() + 1) * sizeof(Value));
    items_.push_back(std::move(item));
  }
  size_t size() const { return items_.size(); }
  std::vector<Value> take() { return std::exchange(items_, {}); }

 private:
  HeldBytes held_;
  std::vector<Value> items_;
};

uint32_t nesting_of(const std::vector<Value>& values);

}  // namespace quandex::jinja
