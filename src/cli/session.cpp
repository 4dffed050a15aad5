#include "cli/session.h"

#include <fmt/format.h>

#include "backend/backends.h"
#include "base/cpu_features.h"
#include "base/log.h"
#include "cli/escape.h"
#include "cli/terminal.h"
#include "cli/verb.h"
#include "engine/memory_plan.h"
#include "model/load.h"

namespace quandex::cli {

void add_model_options(CLI::App& app, ModelOptions& options, bool with_ctx) {
  add_positional(app, "MODEL", options.path, true, "A GGUF model file");
  add_integer(app, "-t,--threads", options.n_threads, 1, 1024, "Threads that compute");
  add_choice(app, "--backend", options.backend, {"cpu", "reference"},
             "reference: double precision, slow, the truth of the tests");
  if (with_ctx)
    add_integer(app, "--ctx", options.n_ctx, 0, 1 << 24,
                "Context in tokens, prompt included; 0: the model's, at most " + std::to_string(kDefaultContext));
  add_choice(app, "--kv-type", options.kv_type, {"f16", "f32"}, "Type of the K/V cache");
  add_flag(app, "--exact", options.exact, "Never quantize activations to 8 bits (cpu; slower)");
}

namespace {

// A tensor that nothing reads may stand for a computation that this program lacks.
void warn_of_unused_tensors(const ModelConfig& config, const GgufFile& file) {
  const std::vector<std::string> unused = unused_tensors(config, file);
  if (unused.empty()) return;
  LOG(warn, "load",
      "{}: {} tensors are not used, {} among them: the output may differ from what the model was made for",
      file.description(), unused.size(), escaped(unused.front()));
}

// No refusal: what is free is an estimate, and pages of the file itself can go and come back.
void warn_of_short_memory(const MemoryPlan& plan) {
  const MemoryDescription memory = describe_memory();
  if (memory.available_bytes == 0 || plan.total_bytes() <= memory.available_bytes) return;
  const auto shown = [](uint64_t bytes) { return format_bytes(static_cast<double>(bytes)); };
  LOG(warn, "load", "{} are needed ({} of weights, {} of K/V) and {} are free; --ctx makes K/V smaller",
      shown(plan.total_bytes()), shown(plan.weight_bytes), shown(plan.kv_bytes), shown(memory.available_bytes));
}

}  // namespace

Session::Session(const ModelOptions& options, EngineOptions engine_options)
    : file_(options.path),
      config_(read_config(file_.metadata(), file_)),
      tokenizer_(make_tokenizer(file_.metadata())),
      pool_(options.n_threads) {
  engine_options.n_ctx = options.n_ctx;
  engine_options.kv_type = *dtype_from_name(options.kv_type);
  engine_options = resolve_options(engine_options, config_);  // before the loading, which takes time
  backend_ = options.backend == "reference"
                 ? make_reference_backend()
                 : make_cpu_backend(pool_, CpuOptions{.isa = {}, .exact_activations = options.exact});
  warn_of_unused_tensors(config_, file_);
  warn_of_short_memory(plan_memory(config_, file_, engine_options, *backend_));
  ProgressBar progress("loading " + options.path);
  Model model = load_model(config_, file_, *backend_, [&](uint64_t done_bytes, uint64_t total_bytes) {
    throw_if_interrupted();
    progress.update(done_bytes, total_bytes);
  });
  engine_ = std::make_unique<Engine>(std::move(model), *backend_, engine_options);
}

StepCost Session::cost_of_step(int n_tokens, int length) const {
  return step_cost(config_, file_, 1, n_tokens, length, engine_->options().kv_type);
}

uint64_t Session::kv_bytes() const { return KvCache::size_bytes(config_, engine_->options()); }

}  // namespace quandex::cli
