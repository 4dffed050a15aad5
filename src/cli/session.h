// A model file opened, loaded on a backend and ready to run: what generate, logits and bench share.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"
#include "base/thread_pool.h"
#include "cli/model_file.h"
#include "engine/engine.h"
#include "model/checkpoint.h"
#include "model/load.h"
#include "text/tokenizer.h"

namespace CLI {
class App;
}

namespace quandex::cli {

struct ModelOptions {
  std::string path;
  std::string backend = "cpu", kv_type = "f16";
  int n_threads = default_thread_count();
  int n_ctx = 0;
  bool exact = false;
};

// --backend, --kv-type, --exact; --ctx where `with_ctx`: what the memory depends on.
void add_memory_options(CLI::App& app, ModelOptions& options, bool with_ctx);
// The same, MODEL and --threads.
void add_model_options(CLI::App& app, ModelOptions& options, bool with_ctx);

std::unique_ptr<Backend> make_backend(const ModelOptions& options, ThreadPool& pool);

// What the options say of an engine for so many sequences at once, each of which may have a token in every step.
EngineOptions engine_options_of(const ModelOptions& options, int max_sequences);

class Session {
 public:
  // Loads with a progress bar. Throws Error for what cannot be loaded, Interrupted on Ctrl-C. `engine_options` gives
  // what ModelOptions does not. A checkpoint without a tokenizer is refused unless none is needed.
  explicit Session(const ModelOptions& options, EngineOptions engine_options = {},
                   NeedsTokenizer needs_tokenizer = NeedsTokenizer::yes);
  // The same for a checkpoint that is open already, with its tokenizer or without one (null).
  Session(const ModelOptions& options, EngineOptions engine_options, Checkpoint checkpoint,
          std::unique_ptr<Tokenizer> tokenizer);

  const Checkpoint& checkpoint() const { return checkpoint_; }
  const ModelConfig& config() const { return config_; }
  bool has_tokenizer() const { return tokenizer_ != nullptr; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  Engine& engine() { return *engine_; }
  const Backend& backend() const { return *backend_; }
  int n_ctx() const { return engine_->options().n_ctx; }
  int n_threads() const { return pool_.n_threads(); }

  // Weights and K/V that a step of one sequence reads and writes, and its operations; see step_cost().
  StepCost cost_of_step(int n_tokens, int length) const;
  uint64_t kv_bytes() const;  // of the whole cache
  int n_kv_blocks() const;    // likewise
  uint64_t allocated_bytes() const { return backend_->allocated_bytes(); }

 private:
  void load(const ModelOptions& options, EngineOptions engine_options);

  Checkpoint checkpoint_;
  ModelConfig config_;
  std::unique_ptr<Tokenizer> tokenizer_;
  ThreadPool pool_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace quandex::cli
