#include "cli/bench_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/cpu_features.h"
#include "cli/build_info.h"
#include "cli/escape.h"
#include "cli/terminal.h"

namespace quandex::cli {
namespace {

double spread(const std::vector<double>& seconds) {
  const auto [least, most] = std::minmax_element(seconds.begin(), seconds.end());
  return (*most - *least) / median(seconds);
}

std::vector<double> rates(const std::vector<double>& seconds, int n_tokens) {
  std::vector<double> result;
  for (const double s : seconds) result.push_back(n_tokens / s);
  return result;
}

std::string percent(double part, double whole) { return whole > 0 ? fmt::format("{:.1f} %", 100 * part / whole) : "?"; }

void print_roofs(const Roofs& roofs) {
  fmt::print("\n{}\n", bold(stdout, "roofs of this machine, measured before and after"));
  fmt::print("  reading     {:.1f} GB/s over huge pages ({:.0f} % granted), {:.1f} GB/s over 4 KiB pages, {} buffer\n",
             roofs.huge_page_bandwidth / 1e9, roofs.huge_page_share * 100, roofs.small_page_bandwidth / 1e9,
             format_bytes(static_cast<double>(roofs.buffer_bytes)));
  for (const ArithmeticRoof& roof : roofs.arithmetic)
    fmt::print("  {:11} {:.0f} int8 GOP/s, {:.0f} f32 GFLOP/s\n", roof.isa, roof.int8_operations / 1e9,
               roof.f32_operations / 1e9);
}

}  // namespace

double median(std::vector<double> values) {
  CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double BenchReport::prefill_rate() const { return n_prompt / median(prefill_seconds); }
double BenchReport::decode_rate() const { return n_generate / median(decode_seconds); }
double BenchReport::decode_bandwidth() const {
  return decode_rate() * (decode_cost.weight_bytes + decode_cost.kv_bytes);
}
double BenchReport::prefill_operations() const { return prefill_cost.flops / median(prefill_seconds); }
double BenchReport::prefill_roof() const {
  return has_integer_products ? roofs.int8_operations() : roofs.f32_operations();
}
int64_t BenchReport::excess_bytes() const {
  return static_cast<int64_t>(peak_rss_bytes) - static_cast<int64_t>(file_bytes + kv_bytes);
}

namespace {

double median_ratio(const std::vector<double>& parts, const std::vector<double>& wholes) {
  std::vector<double> ratios;
  for (size_t i = 0; i < parts.size(); ++i) ratios.push_back(parts[i] / wholes[i]);
  return median(ratios);
}

void print_parallel(const ParallelReport& r) {
  fmt::print("  {:<3} at once {:.2f} tok/s together, {:.2f} each (spread {:.0f} %): {:.2f} times one's {:.2f}\n",
             r.n_sequences, r.rate(), r.rate() / r.n_sequences, 100 * spread(r.rates), r.ratio_to_one(),
             median(r.rates_of_one));
  fmt::print("              {:.0f} % of a prefill's {:.1f} tok/s with the head for every token\n",
             100 * r.ratio_to_prefill(), median(r.prefill_rates));
}

nlohmann::ordered_json parallel_to_json(const ParallelReport& r) {
  return {{"sequences", r.n_sequences},
          {"tokens_per_s", r.rate()},
          {"tokens_per_s_each", r.rate() / r.n_sequences},
          {"all_tokens_per_s", r.rates},
          {"one_tokens_per_s", median(r.rates_of_one)},
          {"ratio_to_one", r.ratio_to_one()},
          {"prefill_with_head_tokens_per_s", median(r.prefill_rates)},
          {"percent_of_prefill_with_head", 100 * r.ratio_to_prefill()}};
}

}  // namespace

double ParallelReport::rate() const { return median(rates); }
double ParallelReport::ratio_to_one() const { return median_ratio(rates, rates_of_one); }
double ParallelReport::ratio_to_prefill() const { return median_ratio(rates, prefill_rates); }

void print_report(const BenchReport& r) {
  fmt::print("{}\n", version_text());
  fmt::print("{}: {}, {}, {}, {}, K/V {}\n", r.path, escaped(r.model_name), r.architecture, r.format,
             format_bytes(static_cast<double>(r.file_bytes)), r.kv_type);
  fmt::print("{}, {} threads, load average {:.1f}; loaded in {:.1f} s\n\n", describe_cpu().model_name, r.n_threads,
             r.load_average, r.load_seconds);
  fmt::print("{}\n", bold(stdout, fmt::format("median of {} after a warm-up", r.prefill_seconds.size())));
  fmt::print("  prefill     {:.1f} tok/s over {} tokens (spread {:.0f} %), {:.0f} GOP/s, {} of the {} roof\n",
             r.prefill_rate(), r.n_prompt, 100 * spread(r.prefill_seconds), r.prefill_operations() / 1e9,
             percent(r.prefill_operations(), r.prefill_roof()), r.has_integer_products ? "int8" : "f32");
  fmt::print("  decode      {:.2f} tok/s over {} tokens (spread {:.0f} %), {:.1f} GB/s, {} of the bandwidth roof\n",
             r.decode_rate(), r.n_generate, 100 * spread(r.decode_seconds), r.decode_bandwidth() / 1e9,
             percent(r.decode_bandwidth(), r.roofs.bandwidth()));
  if (r.parallel) print_parallel(*r.parallel);
  fmt::print("  a token     {} of weights, {} of K/V, {:.2f} GOP\n", format_bytes(r.decode_cost.weight_bytes),
             format_bytes(r.decode_cost.kv_bytes), r.decode_cost.flops / 1e9);
  const auto bytes = [](auto n) { return format_bytes(static_cast<double>(n)); };
  fmt::print("  memory      peak {} = file {} + K/V {} {} {}\n", bytes(r.peak_rss_bytes), bytes(r.file_bytes),
             bytes(r.kv_bytes), r.excess_bytes() < 0 ? "-" : "+", bytes(std::abs(r.excess_bytes())));
  print_roofs(r.roofs);
}

nlohmann::ordered_json report_to_json(const BenchReport& r) {
  using Json = nlohmann::ordered_json;
  const auto percent_of = [](double part, double whole) { return whole > 0 ? Json(100 * part / whole) : Json(); };
  Json json{{"version", build_version()},
            {"commit", build_commit()},
            {"compiler", build_compiler()},
            {"cpu", describe_cpu().model_name},
            {"threads", r.n_threads},
            {"load_average", r.load_average},
            {"model", r.path},
            {"name", r.model_name},
            {"architecture", r.architecture},
            {"format", r.format},
            {"kv_type", r.kv_type},
            {"ctx", r.n_ctx},
            {"load_seconds", r.load_seconds},
            {"repeats", r.prefill_seconds.size()}};
  json["prefill"] = {{"tokens", r.n_prompt},
                     {"tokens_per_s", r.prefill_rate()},
                     {"all_tokens_per_s", rates(r.prefill_seconds, r.n_prompt)},
                     {"operations", r.prefill_cost.flops},
                     {"operations_per_s", r.prefill_operations()},
                     {"roof", r.has_integer_products ? "int8" : "f32"},
                     {"percent_of_roof", percent_of(r.prefill_operations(), r.prefill_roof())},
                     {"percent_of_int8_roof", percent_of(r.prefill_operations(), r.roofs.int8_operations())},
                     {"percent_of_f32_roof", percent_of(r.prefill_operations(), r.roofs.f32_operations())}};
  json["decode"] = {{"tokens", r.n_generate},
                    {"tokens_per_s", r.decode_rate()},
                    {"all_tokens_per_s", rates(r.decode_seconds, r.n_generate)},
                    {"weight_bytes_per_token", r.decode_cost.weight_bytes},
                    {"kv_bytes_per_token", r.decode_cost.kv_bytes},
                    {"bytes_per_token", r.decode_cost.weight_bytes + r.decode_cost.kv_bytes},
                    {"operations_per_token", r.decode_cost.flops},
                    {"bytes_per_s", r.decode_bandwidth()},
                    {"percent_of_roof", percent_of(r.decode_bandwidth(), r.roofs.bandwidth())},
                    {"percent_of_huge_page_roof", percent_of(r.decode_bandwidth(), r.roofs.huge_page_bandwidth)},
                    {"percent_of_small_page_roof", percent_of(r.decode_bandwidth(), r.roofs.small_page_bandwidth)}};
  if (r.parallel) json["parallel"] = parallel_to_json(*r.parallel);
  json["memory"] = {{"allocated_bytes", r.allocated_bytes},
                    {"peak_rss_bytes", r.peak_rss_bytes},
                    {"file_bytes", r.file_bytes},
                    {"kv_bytes", r.kv_bytes},
                    {"excess_bytes", r.excess_bytes()}};
  json["roofs"] = roofs_to_json(r.roofs);
  return json;
}

}  // namespace quandex::cli
