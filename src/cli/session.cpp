#include "cli/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backend/backends.h"
#include "base/cpu_features.h"
#include "base/log.h"
#include "cli/escape.h"
#include "cli/terminal.h"
#include "cli/verb.h"
#include "engine/memory_plan.h"
#include "model/load.h"

namespace quandex::cli {

namespace {

std::vector<std::string> kv_type_names() {
  std::vector<std::string> names;
  for (const DType type : kKvTypes) names.emplace_back(format_of(type).name);
  return names;
}

}  // namespace

void add_memory_options(CLI::App& app, ModelOptions& options, bool with_ctx) {
  add_choice(app, "--backend", options.backend, {"cpu", "reference"},
             "reference: double precision, slow, the truth of the tests");
  if (with_ctx)
    add_integer(app, "--ctx", options.n_ctx, 0, 1 << 24,
                "Context in tokens, prompt included; 0: the model's, at most " + std::to_string(kDefaultContext));
  add_choice(app, "--kv-type", options.kv_type, kv_type_names(),
             "Type of the K/V cache; q8_0 takes half the memory of f16");
  add_flag(app, "--exact", options.exact, "Never quantize activations to 8 bits (cpu; slower)");
}

void add_model_options(CLI::App& app, ModelOptions& options, bool with_ctx) {
  add_positional(app, "MODEL", options.path, true, kModelHelp);
  add_memory_options(app, options, with_ctx);
  add_integer(app, "-t,--threads", options.n_threads, 1, 1024, "Threads that compute");
}

std::unique_ptr<Backend> make_backend(const ModelOptions& options, ThreadPool& pool) {
  if (options.backend == "reference") return make_reference_backend();
  return make_cpu_backend(pool, CpuOptions{.isa = {}, .exact_activations = options.exact});
}

EngineOptions engine_options_of(const ModelOptions& options, int max_sequences) {
  EngineOptions engine;
  engine.n_ctx = options.n_ctx;
  engine.kv_type = *dtype_from_name(options.kv_type);
  engine.max_sequences = max_sequences;
  engine.token_budget = std::max(engine.token_budget, max_sequences);
  return engine;
}

namespace {

// A tensor that nothing reads may stand for a computation that this program lacks.
void warn_of_unused_tensors(const ModelConfig& config, const WeightSource& weights) {
  const std::vector<std::string> unused = unused_tensors(config, weights).unexplained;
  if (unused.empty()) return;
  LOG(warn, "load",
      "{}: {} tensors are not used, {} among them: the output may differ from what the model was made for",
      weights.description(), unused.size(), escaped(unused.front()));
}

// A key that nothing here knows may change what the model computes.
void warn_of_unknown_keys(const Checkpoint& checkpoint) {
  std::vector<std::string> unknown;
  for (const ConfigKey& key : checkpoint.config_keys())
    if (key.use == KeyUse::unknown) unknown.push_back(key.name);
  if (unknown.empty()) return;
  LOG(warn, "load", "{}: {} keys of the configuration are not known, {} among them; `quandex inspect` lists them",
      checkpoint.path().string(), unknown.size(), escaped(unknown.front()));
}

// No refusal: what is free is an estimate, and pages of the file itself can go and come back.
void warn_of_short_memory(const MemoryPlan& plan) {
  const MemoryDescription memory = describe_memory();
  if (memory.available_bytes == 0 || plan.total_bytes() <= memory.available_bytes) return;
  const auto shown = [](uint64_t bytes) { return format_bytes(static_cast<double>(bytes)); };
  LOG(warn, "load", "{} are needed ({} of weights, {} of K/V) and {} are free; --ctx makes K/V smaller",
      shown(plan.total_bytes()), shown(plan.weight_bytes), shown(plan.kv_bytes), shown(memory.available_bytes));
}

std::unique_ptr<Tokenizer> tokenizer_of(const Checkpoint& checkpoint, NeedsTokenizer needs) {
  const bool has_one = needs == NeedsTokenizer::yes || checkpoint.metadata().has("tokenizer.ggml.tokens");
  return has_one ? make_tokenizer(checkpoint.metadata()) : nullptr;
}

}  // namespace

Session::Session(const ModelOptions& options, EngineOptions engine_options, NeedsTokenizer needs_tokenizer)
    : checkpoint_(open_model(options.path, needs_tokenizer)),
      config_(checkpoint_.read_config()),
      tokenizer_(tokenizer_of(checkpoint_, needs_tokenizer)),
      pool_(options.n_threads) {
  load(options, engine_options);
}

Session::Session(const ModelOptions& options, EngineOptions engine_options, Checkpoint checkpoint,
                 std::unique_ptr<Tokenizer> tokenizer)
    : checkpoint_(std::move(checkpoint)),
      config_(checkpoint_.read_config()),
      tokenizer_(std::move(tokenizer)),
      pool_(options.n_threads) {
  load(options, engine_options);
}

void Session::load(const ModelOptions& options, EngineOptions engine_options) {
  const WeightSource& weights = checkpoint_.weights();
  engine_options.n_ctx = options.n_ctx;
  engine_options.kv_type = *dtype_from_name(options.kv_type);
  engine_options = resolve_options(engine_options, config_);  // before the loading, which takes time
  backend_ = make_backend(options, pool_);
  warn_of_unused_tensors(config_, weights);
  warn_of_unknown_keys(checkpoint_);
  warn_of_short_memory(plan_memory(config_, weights, engine_options, *backend_));
  ProgressBar progress("loading " + options.path);
  Model model = load_model(config_, weights, *backend_, [&](uint64_t done_bytes, uint64_t total_bytes) {
    throw_if_interrupted();
    progress.update(done_bytes, total_bytes);
  });
  engine_ = std::make_unique<Engine>(std::move(model), *backend_, engine_options);
}

StepCost Session::cost_of_step(int n_tokens, int length) const {
  return step_cost(config_, checkpoint_.weights(), 1, n_tokens, length, engine_->options().kv_type);
}

uint64_t Session::kv_bytes() const { return KvCache::size_bytes(config_, engine_->options()); }

int Session::n_kv_blocks() const { return engine_->status().n_kv_blocks; }

}  // namespace quandex::cli
