// What a benchmark found, and how it is printed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/roofs.h"
#include "model/load.h"

namespace quandex::cli {

// Several sequences that decode at once, beside one alone and beside a prefill that makes logits after every token.
// One of each a repeat, in turns; tokens a second.
struct ParallelReport {
  int n_sequences = 1;
  std::vector<double> rates, rates_of_one, prefill_rates;

  double rate() const;  // of all sequences together
  double ratio_to_one() const;
  double ratio_to_prefill() const;
};

struct BenchReport {
  std::string path, model_name, architecture, format, kv_type;
  int n_threads = 1, n_ctx = 0, n_prompt = 0, n_generate = 0;
  std::vector<double> prefill_seconds, decode_seconds;  // one a repeat
  double load_seconds = 0, load_average = 0;
  StepCost prefill_cost, decode_cost;  // of the whole prompt; of one generated token, on average
  bool has_integer_products = false;   // activations meet the weights as 8-bit integers
  uint64_t file_bytes = 0, kv_bytes = 0, peak_rss_bytes = 0;
  uint64_t allocated_bytes = 0;  // of the backend
  Roofs roofs;
  std::optional<ParallelReport> parallel;

  double prefill_rate() const;  // tokens a second, of the median
  double decode_rate() const;
  double decode_bandwidth() const;    // bytes a second
  double prefill_operations() const;  // operations a second
  double prefill_roof() const;        // of the kind of product that the weights' format uses
  int64_t excess_bytes() const;       // peak RSS beyond file and K/V
};

double median(std::vector<double> values);  // of at least one

void print_report(const BenchReport& report);
nlohmann::ordered_json report_to_json(const BenchReport& report);

}  // namespace quandex::cli
