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
#include "base/check.h"
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
  int n_prompt = 512, n_generate = 128, n_repeats = 5, n_parallel = 1;
  bool json = false;
};

// The most memory that this process ever held; 0 where the system does not say.
uint64_t peak_rss_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  return 0;
}

// The cpu backend multiplies block formats that it has kernels for as 8-bit integers, unless told to be exact.
bool has_integer_products(DType type, const ModelOptions& options) {
  return options.backend == "cpu" && !options.exact && format_of(type).block_values > 1 && has_cpu_kernels(type);
}

struct Times {
  double prefill_seconds = 0, decode_seconds = 0;
};

// Ids that do not matter to the time; every sequence has its own.
std::vector<int32_t> prompt_of(int length, int sequence, int vocab) {
  std::vector<int32_t> ids;
  for (int i = 0; i < length; ++i) ids.push_back((i * 7919 + 17 + sequence * 31) % vocab);
  return ids;
}

// One run: the prompt until its first token, then n_generate tokens more.
Times run_once(Session& session, const BenchOptions& options, const std::function<void()>& on_step) {
  Request request;
  request.prompt = prompt_of(options.n_prompt, 0, session.config().vocab);
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

// Steps that decode while other sequences still have their prompts computed: so many tokens more each may need.
int steps_of_prompts(const BenchOptions& options, int token_budget) {
  const int n_left = token_budget - options.n_parallel + 1;  // a step's share for prompts is at least this
  return static_cast<int>(int64_t{options.n_parallel} * options.n_prompt / std::max(1, n_left)) + options.n_parallel +
         2;
}

// Contexts for all sequences, and as many rows of logits as a step has tokens: the prefill that makes them all is
// slowed by the head's own work and by nothing else.
void make_room_for_parallel(BenchOptions& options, EngineOptions& engine) {
  options.model.n_ctx += steps_of_prompts(options, engine.token_budget);
  engine.n_kv_blocks = options.n_parallel * blocks_of(options.model.n_ctx);
  engine.max_sequences = std::max(options.n_parallel, std::min(engine.token_budget, options.n_prompt));
}

// Tokens a second of sequences that decode at once, over n_generate steps in which each gets its token.
double parallel_rate(Session& session, const BenchOptions& options, int n_sequences) {
  Engine& engine = session.engine();
  std::vector<uint64_t> ids;
  for (int i = 0; i < n_sequences; ++i) {
    Request request;
    request.prompt = prompt_of(options.n_prompt, i, session.config().vocab);
    request.max_tokens = session.n_ctx();
    ids.push_back(engine.submit(std::move(request)));
  }
  int n_tokens = 0, n_before = 0, n_steps = 0;
  double seconds = 0;
  std::optional<Error> failure;
  const auto on_event = [&](uint64_t, const Event& event) {
    if (const auto* error = std::get_if<Error>(&event)) failure = *error;
    n_tokens += std::holds_alternative<Token>(event) ? 1 : 0;
    return true;
  };
  for (bool has_work = true; has_work;) {
    const Clock::time_point start = Clock::now();
    n_tokens = 0;
    has_work = engine.step(on_event);
    throw_if_interrupted();
    if (n_tokens == n_sequences && n_before == n_sequences && n_steps < options.n_generate) {
      seconds += std::chrono::duration<double>(Clock::now() - start).count();
      if (++n_steps == options.n_generate) std::ranges::for_each(ids, [&](uint64_t id) { engine.cancel(id); });
    }
    n_before = n_tokens;
  }
  if (failure) throw *failure;
  CHECK(n_steps == options.n_generate);
  return n_steps * n_sequences / seconds;
}

double prefill_rate_with_head(Engine& engine, const std::vector<int32_t>& prompt) {
  const Clock::time_point start = Clock::now();
  engine.logits(prompt, true, [](int, std::span<const float>) { throw_if_interrupted(); });
  return static_cast<double>(prompt.size()) / std::chrono::duration<double>(Clock::now() - start).count();
}

ParallelReport measure_parallel(Session& session, const BenchOptions& options) {
  const std::vector<int32_t> prompt = prompt_of(options.n_prompt, 0, session.config().vocab);
  ParallelReport report{options.n_parallel, {}, {}, {}};
  ProgressBar progress("measuring several at once", ProgressBar::Unit::steps);
  for (int run = 0; run <= options.n_repeats; ++run) {
    const double one = parallel_rate(session, options, 1);
    const double together = parallel_rate(session, options, options.n_parallel);
    const double prefill = prefill_rate_with_head(session.engine(), prompt);
    progress.update(static_cast<uint64_t>(run) + 1, static_cast<uint64_t>(options.n_repeats) + 1);
    if (run == 0) continue;  // warm-up
    report.rates_of_one.push_back(one);
    report.rates.push_back(together);
    report.prefill_rates.push_back(prefill);
  }
  return report;
}

int run_bench(BenchOptions& options) {
  BenchReport report;
  std::array<double, 1> load{};
  if (getloadavg(load.data(), 1) == 1) report.load_average = load[0];
  const Roofs before = measure_roofs_in_child(options.model.n_threads, RoofEffort::full);
  throw_if_interrupted();
  const Clock::time_point start = Clock::now();
  EngineOptions engine_options = engine_options_of(options.model, options.n_parallel);
  engine_options.reuse_prefixes = false;
  options.model.n_ctx = options.n_prompt + options.n_generate + 1;
  if (options.n_parallel > 1) make_room_for_parallel(options, engine_options);
  Session session(options.model, engine_options);
  report.load_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  report.path = options.model.path;
  report.model_name = session.config().name;
  report.architecture = session.config().architecture;
  report.format = format_of(main_type(session.checkpoint().weights())).name;
  report.kv_type = options.model.kv_type;
  report.n_threads = session.n_threads();
  report.n_ctx = session.n_ctx();
  report.n_prompt = options.n_prompt;
  report.n_generate = options.n_generate;
  report.has_integer_products = has_integer_products(main_type(session.checkpoint().weights()), options.model);
  run_repeats(session, options, report);
  report.peak_rss_bytes = peak_rss_bytes();
  report.prefill_cost = session.cost_of_step(options.n_prompt, options.n_prompt);
  report.decode_cost = session.cost_of_step(1, options.n_prompt + options.n_generate / 2);
  report.allocated_bytes = session.allocated_bytes();
  if (options.n_parallel > 1) report.parallel = measure_parallel(session, options);
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
    "  quandex bench model.gguf --parallel 8\n"
    "  quandex bench model.gguf -p 128 -n 32 -t 4 --json | jq .decode.percent_of_roof\n";

Verb add_bench(CLI::App& program) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App& app = add_verb(program, "bench", "Measure a model's speed against the roofs of this machine", kFooter);
  add_model_options(app, options->model, false);
  add_integer(app, "-p,--prompt-tokens", options->n_prompt, 1, 1 << 20, "Length of the prompt");
  add_integer(app, "-n,--tokens", options->n_generate, 1, 1 << 20, "Tokens generated after it");
  add_integer(app, "-r,--repeats", options->n_repeats, 5, 1000, "Runs after the warm-up; the median counts");
  add_integer(app, "--parallel", options->n_parallel, 1, 256, "Also measure so many sequences that decode at once");
  add_flag(app, "--json", options->json, "Write JSON");
  return {&app, [options] { return run_bench(*options); }};
}

}  // namespace quandex::cli
