// A reused list of small callables: how backends that run on the host record a step. Once it has grown to a step's
// length, recording allocates nothing.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <vector>

namespace quandex {

class RecordedCalls {
 public:
  // The callable is copied; it must be trivially copyable (captures by value: tensors, configs, numbers).
  template <typename Callable>
  void add(const Callable& callable) {
    static_assert(std::is_trivially_copyable_v<Callable> && sizeof(Callable) <= sizeof(Call::storage));
    Call& call = calls_.emplace_back();
    new (call.storage) Callable(callable);
    call.run = [](const std::byte* storage) { (*std::launder(reinterpret_cast<const Callable*>(storage)))(); };
  }

  void run_all() const {
    for (const Call& call : calls_) call.run(call.storage);
  }

  void clear() { calls_.clear(); }

 private:
  struct Call {
    alignas(std::max_align_t) std::byte storage[1024];
    void (*run)(const std::byte*);
  };
  std::vector<Call> calls_;
};

}  // namespace quandex
