// Steady-state decoding allocates nothing: operator new is counted here, in a program of its own.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "engine/tiny_engine.h"

namespace {

std::atomic<long> n_allocations{0};

void* counted_allocation(std::size_t size, std::size_t alignment) {
  n_allocations.fetch_add(1, std::memory_order_relaxed);
  size = (size + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, size > 0 ? size : alignment)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted_allocation(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted_allocation(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace quandex {
namespace {

// Allocations between the 10th and the 100th token of the first request, others decoding beside it.
long allocations_while_decoding(Engine& engine, const std::vector<Request>& requests) {
  long at_10 = -1, at_100 = -1;
  int n_tokens = 0;
  engine.generate(requests, [&](size_t i, const Event& event) {
    if (i != 0 || !std::holds_alternative<Token>(event)) return true;
    ++n_tokens;
    if (n_tokens == 10) at_10 = n_allocations;
    if (n_tokens == 100) at_100 = n_allocations;
    return true;
  });
  EXPECT_GT(at_10, 0);  // the hook does count
  EXPECT_GE(at_100, at_10);
  return at_100 - at_10;
}

std::vector<Request> decoding_requests() {
  std::vector<Request> requests(3);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].prompt = tiny_prompt(20 + 3 * static_cast<int>(i), static_cast<int>(i));
    requests[i].max_tokens = 101;
  }
  requests[1].sampling = {.temperature = 0.9f, .top_k = 20, .top_p = 0.9f, .repeat_penalty = 1.1f, .seed = 4};
  requests[1].wants_logprobs = true;
  requests[2].sampling = {.temperature = 1.5f, .min_p = 0.01f, .seed = 5};
  return requests;
}

TEST(Allocation, decoding_allocates_nothing_on_reference) {
  const TinyModel model("llama");
  TinyEngine tiny(model, {.n_ctx = 160, .max_sequences = 3});
  EXPECT_EQ(allocations_while_decoding(tiny.engine, decoding_requests()), 0);
}

TEST(Allocation, decoding_allocates_nothing_on_cpu) {
  for (const DType type : {DType::f32, DType::f16, DType::q8_0, DType::q4_0, DType::q5_1}) {
    const TinyModel model("qwen3", type);
    TinyEngine tiny(model, {.n_ctx = 160, .max_sequences = 3}, "cpu");
    EXPECT_EQ(allocations_while_decoding(tiny.engine, decoding_requests()), 0) << format_of(type).name;
  }
}

}  // namespace
}  // namespace quandex
