// The engine: a model, its KV cache, the scheduler and the sampler behind submit, step and cancel. One thread owns it
// and everything below it, the backend included. step() reserves nothing: what a request will ever need is reserved at
// submit, so that decoding allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/function_ref.h"
#include "engine/kv_cache.h"
#include "engine/memory_plan.h"
#include "engine/request.h"
#include "engine/scheduler.h"
#include "engine/step.h"
#include "engine/step_pacer.h"
#include "model/model.h"

namespace quandex {

struct EngineCounters : SchedulerCounters {
  uint64_t n_steps = 0, n_computed_tokens = 0, n_sampled_tokens = 0;
};

struct EngineStatus {
  int n_running = 0, n_waiting = 0;                                                // sequences
  int n_kv_blocks = 0, n_used_blocks = 0, n_cached_blocks = 0, n_free_blocks = 0;  // of all groups together
  EngineCounters counters;
};

class Engine {
 public:
  // The backend, and the weights where the backend aliases them, must outlive the engine.
  Engine(Model model, Backend& backend, const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // False cancels the request that the event belongs to.
  using OnEvent = FunctionRef<bool(uint64_t request, const Event& event)>;

  // Throws Error{invalid_argument} with the numbers for a request that cannot be honoured: an empty prompt or one
  // longer than the context, unknown ids, sampling parameters out of range, more KV blocks than there are. Reads only
  // what never changes, so any thread may call it.
  void check(const Request& request) const;

  // Queues a request. Throws as check does, and whatever a lack of memory throws; then nothing is queued.
  uint64_t submit(Request request);

  // Ends a request at the next step, with Finished{cancelled}. One that has ended already is ignored.
  void cancel(uint64_t request);

  // Computes one step and reports what came of it; the receiver may submit and cancel. Returns whether work is left. A
  // failing device ends every request with its Error; then the engine serves new ones, with nothing cached.
  bool step(OnEvent on_event);

  bool has_work() const { return n_active_ > 0; }

  // Runs requests to their ends together. A request that is refused gets its Error as an event. The engine must have no
  // other work.
  void generate(std::span<const Request> requests, FunctionRef<bool(size_t index, const Event& event)> on_event);

  // Logits after every position of `tokens`, or after the last one only; each row is handed over in order of position.
  // Throws Error{invalid_argument} as submit does. The engine must have no other work.
  void logits(std::span<const int32_t> tokens, bool all,
              FunctionRef<void(int position, std::span<const float> row)> on_row);
  std::vector<float> logits(std::span<const int32_t> tokens, bool all);  // [n or 1, vocab]

  const EngineOptions& options() const { return options_; }  // resolved
  const ModelConfig& config() const { return model_.config; }
  const Scheduler& scheduler() const { return scheduler_; }
  EngineCounters counters() const;
  EngineStatus status() const;

 private:
  struct Active {
    Sequence sequence;
    uint64_t id = 0;  // 0: the slot is free
    bool is_cancelled = false;
    Request request;
  };

  void check_prompt(std::span<const int32_t> prompt) const;
  int max_length(const Request& request) const;
  void set_rope_variant(Sequence& s) const;
  Active& free_slot();
  Active* find(uint64_t request);
  Active& owner_of(const Sequence& sequence);
  const Step& run_step(std::span<const Assignment> plan);
  void finish_sequences(const Step& step, OnEvent on_event);
  bool report_prompt(const Step& step, size_t index, OnEvent on_event);
  void take_token(const Step& step, size_t index, OnEvent on_event);
  int32_t sampled_token(const Step& step, const Active& active, int row);
  int n_sampled_ids() const;
  std::span<const float> logits_row(int row) const;
  LogProbabilities probabilities_of(int row) const;
  std::span<TokenLogprob> room_for_top(const Request& request);
  void fail_not_finite(Active& active, OnEvent on_event);
  void finish(Active& active, FinishReason reason, OnEvent on_event);
  void fail(Active& active, const Error& error, OnEvent on_event);
  void fail_all(const Error& error, OnEvent on_event);
  void remove(Active& active);

  Model model_;
  Backend& backend_;
  EngineOptions options_;
  KvCache kv_;
  Scratch scratch_;
  StepRing steps_;
  Scheduler scheduler_;
  HostSampler host_sampler_;
  const uint64_t prefix_key_;                         // drawn anew: nobody can foresee prefixes with equal hashes
  std::optional<StepPacer> pacer_;                    // where the length of steps is limited
  std::array<TokenLogprob, kMostTopLogprobs> top_{};  // of the token being reported
  std::vector<std::unique_ptr<Active>> active_;       // by Sequence::owner; a slot is reused once its request has ended
  int n_active_ = 0;
  uint64_t n_submitted_ = 0;
  EngineCounters counters_;
};

}  // namespace quandex
