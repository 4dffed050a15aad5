// How many tokens the next step may compute, so that sequences that decode get their next token in time while prompts
// are computed beside them. Pure: told what steps were and how long they took, it has no clock.
//
// A step is taken to last fixed + rate * work. Work is counted in tokens: each token counts 1 for the matrices, more
// the farther back it attends, and more where its logits are made. Both numbers are learnt from the last steps by
// medians, so that one slow or fast step changes little; a rate that has risen twice in a row is believed at once.
// Whatever is wrong with the model, a full chunk that lasts as long as is aimed for is where it comes to rest. Chunks
// begin small and at most double; what short prompts take is not noted, for it tells little of long ones.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/scheduler.h"
#include "model/config.h"

namespace quandex {

// What a step computed.
struct StepWork {
  int n_decoding = 0;  // sequences that computed one token
  int64_t n_decoding_length = 0;
  int n_prefill = 0;                // tokens of others
  int64_t n_prefill_positions = 0;  // before them, over all of them
  int n_logit_rows = 0;

  void add(const Assignment& assignment);
};

// Relative to a token's share of the matrices of all layers.
struct TokenCosts {
  struct Attention {
    double per_position = 0;
    int window = 0;  // 0: none
  };
  std::array<Attention, kMaxKvGroups> attention{};
  double logit_row = 0;
};
TokenCosts token_costs(const ModelConfig& config);

class StepPacer {
 public:
  static constexpr int kLeastPrefill = 8;     // tokens, however slow the machine is: prompts always advance
  static constexpr double kAim = 0.8;         // of the limit
  static constexpr double kLeastPart = 0.25;  // of the limit for prefill where decoding alone takes nearly all of it

  StepPacer(double max_step_ms, const TokenCosts& costs) : max_step_ms_(max_step_ms), costs_(costs) {}

  // The budget for Scheduler::plan, at most `budget`.
  int choose(const SchedulerLoad& load, int budget);

  // How the step went that was chosen last.
  void observe(const StepWork& work, double elapsed_ms);

 private:
  static constexpr size_t kMemory = 9;  // steps of each kind
  struct Observation {
    double work = 0, prefill_work = 0, elapsed_ms = 0;
  };
  struct History {
    std::array<Observation, kMemory> steps{};  // a ring
    size_t n = 0;                              // so far
    size_t size() const { return n < kMemory ? n : kMemory; }
    const Observation& latest(size_t age) const { return steps[(n - 1 - age) % kMemory]; }
    void add(const Observation& step) { steps[n++ % kMemory] = step; }
  };

  double attention_work(double position) const;  // of one token
  double decoding_work(int n, int64_t length) const;
  double prefill_work(double n_tokens, double first) const;
  double largest_prefill_work() const;
  double rate_of(const Observation& step) const;
  void learn();

  double max_step_ms_;
  TokenCosts costs_;
  History decoding_, prefill_;  // steps without prefill, and with as much as was allowed
  double allowed_work_ = 0;     // of prefill in the step chosen last
  double fixed_ms_ = 0;
  double rate_ms_ = 0;  // for a unit of work
};

}  // namespace quandex
