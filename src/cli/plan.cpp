#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "backend/backends.h"
#include "base/cpu_features.h"
#include "cli/escape.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/verb.h"
#include "engine/memory_plan.h"

namespace quandex::cli {
namespace {

using Json = nlohmann::ordered_json;

struct PlanOptions {
  ModelOptions model;
  int n_parallel = 1;
  bool json = false;
};

struct PlanReport {
  std::string path, name, architecture, backend, kv_type;
  int n_ctx = 0, n_parallel = 1, n_kv_blocks = 0;
  MemoryPlan plan;
  MemoryDescription memory;
  std::optional<int> largest_ctx, most_parallel;  // nothing: not even one token, or one sequence

  bool knows_memory() const { return memory.available_bytes > 0; }
  bool fits() const { return plan.wanted_bytes() <= memory.available_bytes; }
  bool fits_without_mapped() const { return plan.total_bytes() <= memory.available_bytes; }
};

PlanReport make_report(const PlanOptions& options) {
  const Checkpoint checkpoint(options.model.path);
  const ModelConfig config = checkpoint.read_config();
  ThreadPool pool(1);
  const std::unique_ptr<Backend> backend = make_backend(options.model, pool);
  EngineOptions wanted = engine_options_of(options.model, options.n_parallel);
  const EngineOptions resolved = resolve_options(wanted, config);
  const MemoryPlanner planner(config, checkpoint.weights(), *backend);
  PlanReport report{.path = options.model.path,
                    .name = config.name,
                    .architecture = config.architecture,
                    .backend = options.model.backend,
                    .kv_type = options.model.kv_type,
                    .n_ctx = resolved.n_ctx,
                    .n_parallel = resolved.max_sequences,
                    .n_kv_blocks = resolved.n_kv_blocks,
                    .plan = planner.plan(resolved),
                    .memory = describe_memory(),
                    .largest_ctx = {},
                    .most_parallel = {}};
  if (!report.knows_memory()) return report;
  report.largest_ctx = planner.largest_context(resolved, report.memory.available_bytes);
  wanted.token_budget = EngineOptions{}.token_budget;
  report.most_parallel = planner.most_sequences(wanted, report.memory.available_bytes);
  return report;
}

std::string shown(uint64_t bytes) { return format_bytes(static_cast<double>(bytes)); }

void print_line(std::string_view label, uint64_t bytes, std::string_view remark = {}) {
  fmt::print("  {:12} {:>18} {:>10}{}{}\n", label, bytes, shown(bytes), remark.empty() ? "" : "  ", remark);
}

void print_fit(const PlanReport& r) {
  fmt::print("\n{}\n", bold(stdout, "memory of this machine or container"));
  if (!r.knows_memory()) return fmt::print("  the system does not say how much is free\n");
  print_line("free", r.memory.available_bytes, fmt::format("of {}", shown(r.memory.total_bytes)));
  if (r.fits())
    fmt::print("  fits, with {} to spare\n", shown(r.memory.available_bytes - r.plan.wanted_bytes()));
  else if (r.fits_without_mapped())
    fmt::print("  does not fit: it runs, but {} of the weights must be read from the file again and again\n",
               shown(r.plan.wanted_bytes() - r.memory.available_bytes));
  else
    fmt::print("  does not fit: {} are missing\n", shown(r.plan.wanted_bytes() - r.memory.available_bytes));
  if (!r.largest_ctx && !r.most_parallel)
    fmt::print("  nothing fits beside the weights\n");
  else
    fmt::print("  would fit: --ctx {} with --parallel {}; --parallel {} with --ctx {}\n",
               r.largest_ctx ? std::to_string(*r.largest_ctx) : "none", r.n_parallel,
               r.most_parallel ? std::to_string(*r.most_parallel) : "none", r.n_ctx);
}

void print_text(const PlanReport& r) {
  fmt::print("{}: {}, {}\n", r.path, escaped(r.name), r.architecture);
  fmt::print("--ctx {}, --parallel {}, --kv-type {}, --backend {}\n\n", r.n_ctx, r.n_parallel, r.kv_type, r.backend);
  fmt::print("{}\n", bold(stdout, "bytes"));
  print_line("weights", r.plan.weight_bytes);
  print_line("K/V", r.plan.kv_bytes, fmt::format("{} blocks of {} tokens", r.n_kv_blocks, kBlockSize));
  print_line("scratch", r.plan.scratch_bytes);
  print_line("step inputs", r.plan.step_bytes);
  print_line("total", r.plan.total_bytes());
  if (r.plan.mapped_bytes > 0) print_line("in the file", r.plan.mapped_bytes, "weights that are used where they lie");
  print_fit(r);
}

void print_json(const PlanReport& r) {
  const auto number = [](std::optional<int> n) { return n ? Json(*n) : Json(); };
  const Json json{{"model", r.path},
                  {"name", r.name},
                  {"architecture", r.architecture},
                  {"backend", r.backend},
                  {"kv_type", r.kv_type},
                  {"ctx", r.n_ctx},
                  {"parallel", r.n_parallel},
                  {"kv_blocks", r.n_kv_blocks},
                  {"tokens_per_kv_block", kBlockSize},
                  {"weight_bytes", r.plan.weight_bytes},
                  {"kv_bytes", r.plan.kv_bytes},
                  {"scratch_bytes", r.plan.scratch_bytes},
                  {"step_bytes", r.plan.step_bytes},
                  {"total_bytes", r.plan.total_bytes()},
                  {"mapped_bytes", r.plan.mapped_bytes},
                  {"memory_bytes", r.memory.total_bytes},
                  {"available_bytes", r.memory.available_bytes},
                  {"fits", r.knows_memory() ? Json(r.fits()) : Json()},
                  {"largest_ctx", number(r.largest_ctx)},
                  {"largest_parallel", number(r.most_parallel)}};
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

constexpr const char* kFooter =
    "Reads headers only, loads nothing. Weights, K/V, scratch and step inputs are what the engine will allocate, to "
    "the\n"
    "byte. Weights of some types are used where they lie in the file: they take no memory of their own, but run fast "
    "only\n"
    "while the system can keep them in what is free, so they count in what fits.\n\n"
    "Examples:\n"
    "  quandex plan model.gguf\n"
    "  quandex plan model.gguf --ctx 16384 --parallel 8 --kv-type q8_0\n"
    "  quandex plan model.gguf --parallel 8 --json | jq .largest_ctx\n";

Verb add_plan(CLI::App& program) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App& app = add_verb(program, "plan", "Show the memory that a model will take, and what would fit", kFooter);
  add_positional(app, "MODEL", options->model.path, true, kModelHelp);
  add_memory_options(app, options->model, true);
  add_integer(app, "--parallel", options->n_parallel, 1, kMostSequences, "Sequences computed at once");
  add_flag(app, "--json", options->json, "Write JSON");
  return {&app, [options] {
            const PlanReport report = make_report(*options);
            if (options->json)
              print_json(report);
            else
              print_text(report);
            return 0;
          }};
}

}  // namespace quandex::cli
