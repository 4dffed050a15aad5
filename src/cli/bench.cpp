#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/backends.h"
#include "base/error.h"
#include "cli/bench_report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/verb.h"

namespace quandex::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchOptions {
  ModelOptions model;
  int n_prompt = 512, n_generate = 128, n_repeats = 5;
  bool json = false;
};

// The most memory that this process ever held; 0 where the system does not say.
uint64_t peak_rss_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  return 0;
}

// The type that most bytes of the file's matrices have.
DType main_type(const WeightSource& weights) {
  std::array<uint64_t, kDTypeCount> bytes{};
  for (const std::string& name : weights.names())
    if (const auto tensor = weights.find(name); tensor && tensor->shape.size() > 1)
      bytes[static_cast<size_t>(tensor->type)] += tensor->size_bytes();
  return static_cast<DType>(std::max_element(bytes.begin(), bytes.end()) - bytes.begin());
}

// The cpu backend multiplies block formats that it has kernels for as 8-bit integers, unless told to be exact.
bool has_integer_products(DType type, const ModelOptions& options) {
  return options.backend == "cpu" && !options.exact && format_of(type).block_values > 1 && has_cpu_kernels(type);
}

struct Times {
  double prefill_seconds = 0, decode_seconds = 0;
};

// One run: the prompt until its first token, then n_generate tokens more. The ids do not matter to the time.
Times run_once(Session& session, const BenchOptions& options, const std::function<void()>& on_step) {
  Request request;
  for (int i = 0; i < options.n_prompt; ++i) request.prompt.push_back((i * 7919 + 17) % session.config().vocab);
  request.max_tokens = options.n_generate + 1;
  const Clock::time_point start = Clock::now();
  std::optional<Clock::time_point> first, last;
  std::optional<Error> failure;
  session.engine().submit(std::move(request));
  const auto on_event = [&](uint64_t, const Event& event) {
    if (const auto* error = std::get_if<Error>(&event)) failure = *error;
    if (!std::holds_alternative<Token>(event)) return true;
    last = Clock::now();
    if (!first) first = last;
    return true;
  };
  while (session.engine().step(on_event)) {
    throw_if_interrupted();
    on_step();
  }
  if (failure) throw *failure;
  return {std::chrono::duration<double>(*first - start).count(), std::chrono::duration<double>(*last - *first).count()};
}

void run_repeats(Session& session, const BenchOptions& options, BenchReport& report) {
  ProgressBar progress("measuring", ProgressBar::Unit::steps);
  const int n_runs = options.n_repeats + 1;
  const auto steps_per_run = static_cast<uint64_t>(options.n_generate) + 1;
  for (int run = 0; run < n_runs; ++run) {
    uint64_t n_steps = 0;
    const Times times = run_once(session, options, [&] {
      progress.update(static_cast<uint64_t>(run) * steps_per_run + std::min(++n_steps, steps_per_run),
                      static_cast<uint64_t>(n_runs) * steps_per_run);
    });
    if (run == 0) continue;  // warm-up
    report.prefill_seconds.push_back(times.prefill_seconds);
    report.decode_seconds.push_back(times.decode_seconds);
  }
}

int run_bench(BenchOptions& options) {
  BenchReport report;
  std::array<double, 1> load{};
  if (getloadavg(load.data(), 1) == 1) report.load_average = load[0];
  const Roofs before = measure_roofs_in_child(options.model.n_threads, RoofEffort::full);
  throw_if_interrupted();
  const Clock::time_point start = Clock::now();
  options.model.n_ctx = options.n_prompt + options.n_generate + 1;
  Session session(options.model, EngineOptions{.reuse_prefixes = false});
  report.load_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  report.path = options.model.path;
  report.model_name = session.config().name;
  report.architecture = session.config().architecture;
  report.format = format_of(main_type(session.checkpoint().weights())).name;
  report.kv_type = options.model.kv_type;
  report.n_threads = session.n_threads();
  report.n_prompt = options.n_prompt;
  report.n_generate = options.n_generate;
  report.has_integer_products = has_integer_products(main_type(session.checkpoint().weights()), options.model);
  run_repeats(session, options, report);
  report.peak_rss_bytes = peak_rss_bytes();
  report.prefill_cost = session.cost_of_step(options.n_prompt, options.n_prompt);
  report.decode_cost = session.cost_of_step(1, options.n_prompt + options.n_generate / 2);
  report.file_bytes = session.checkpoint().size_bytes();
  report.kv_bytes = session.kv_bytes();
  report.roofs = better_of(before, measure_roofs_in_child(options.model.n_threads, RoofEffort::full));
  if (options.json)
    fmt::print("{}\n", report_to_json(report).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  else
    print_report(report);
  return 0;
}

}  // namespace

constexpr const char* kFooter =
    "Prefill is the time to the first token, decode the time of the tokens after it. The roofs are measured by a "
    "child\n"
    "process before and after, so that the memory figures are the engine's alone; the better of each two counts.\n\n"
    "Examples:\n"
    "  quandex bench model.gguf\n"
    "  quandex bench model.gguf -p 128 -n 32 -t 4 --json | jq .decode.percent_of_roof\n";

Verb add_bench(CLI::App& program) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App& app = add_verb(program, "bench", "Measure a model's speed against the roofs of this machine", kFooter);
  add_model_options(app, options->model, false);
  add_integer(app, "-p,--prompt-tokens", options->n_prompt, 1, 1 << 20, "Length of the prompt");
  add_integer(app, "-n,--tokens", options->n_generate, 1, 1 << 20, "Tokens generated after it");
  add_integer(app, "-r,--repeats", options->n_repeats, 5, 1000, "Runs after the warm-up; the median counts");
  add_flag(app, "--json", options->json, "Write JSON");
  return {&app, [options] { return run_bench(*options); }};
}

}  // namespace quandex::cli
