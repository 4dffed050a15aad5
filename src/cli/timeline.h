// When the tokens of an answer came, for the figures at its end.
#pragma once

#include <chrono>
#include <optional>

namespace quandex::cli {

struct Timeline {
  using Clock = std::chrono::steady_clock;

  Clock::time_point start = Clock::now();
  std::optional<Clock::time_point> first_token, last_token;
  int n_prompt = 0, n_generated = 0;

  void note_token() {
    last_token = Clock::now();
    if (!first_token) first_token = last_token;
    ++n_generated;
  }
  double prefill_seconds() const {
    return first_token ? std::chrono::duration<double>(*first_token - start).count() : 0;
  }
  double decode_seconds() const {
    return first_token ? std::chrono::duration<double>(*last_token - *first_token).count() : 0;
  }
};

}  // namespace quandex::cli
