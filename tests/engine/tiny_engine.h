// A tiny model and an engine over it, for tests of the engine as a whole.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/backends.h"
#include "engine/engine.h"
#include "model/load.h"
#include "support/memory_weights.h"

namespace quandex {

// The weights stay alive as long as the model that may alias them.
class TinyModel {
 public:
  explicit TinyModel(const std::string& architecture, DType type = DType::f32)
      : checkpoint(make_tiny_checkpoint(architecture, type)),
        config(read_config(checkpoint->metadata, checkpoint->weights)) {}

  // Gives the last layer a window of its own.
  void set_window(int window) {
    config.layers.back().attention.window = window;
    config.layers.back().kv_group = 1;
    config.kv_group_windows = {0, window};
  }
  Model load(Backend& backend) const { return load_model(config, checkpoint->weights, backend); }

  std::unique_ptr<TinyCheckpoint> checkpoint;
  ModelConfig config;
};

// The reference, or the CPU on one thread ("cpu") or two ("cpu on 2 threads").
struct TinyBackend {
  explicit TinyBackend(const std::string& name = "reference") {
    if (name.starts_with("cpu")) threads = std::make_unique<ThreadPool>(name == "cpu" ? 1 : 2);
    backend = threads ? make_cpu_backend(*threads) : make_reference_backend();
  }
  Backend& operator*() const { return *backend; }
  Backend* operator->() const { return backend.get(); }
  std::unique_ptr<ThreadPool> threads;
  std::unique_ptr<Backend> backend;
};

struct TinyEngine {
  explicit TinyEngine(const TinyModel& model, const EngineOptions& options = {},
                      const std::string& backend_name = "reference")
      : backend(backend_name), engine(model.load(*backend), *backend, options) {}
  TinyBackend backend;
  Engine engine;
};

// A token as it was reported, of the output or of the prompt.
struct Report {
  int position = 0;  // of the prompt
  int32_t id = 0;
  std::optional<float> logprob;
  std::vector<TokenLogprob> top;
  friend bool operator==(const Report&, const Report&) = default;
};

// Everything that came of one request.
struct Outcome {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
  std::vector<Report> prompt, output;
  std::optional<Finished> finished;
  std::string error;

  void add(const Event& event) {
    if (const auto* token = std::get_if<Token>(&event)) {
      tokens.push_back(token->id);
      if (token->logprob) logprobs.push_back(*token->logprob);
      output.push_back({0, token->id, token->logprob, {token->top.begin(), token->top.end()}});
    } else if (const auto* read = std::get_if<PromptToken>(&event)) {
      EXPECT_TRUE(output.empty()) << "a token of the prompt comes behind one of the output";
      prompt.push_back({read->position, read->id, read->logprob, {read->top.begin(), read->top.end()}});
    } else if (const auto* end = std::get_if<Finished>(&event)) {
      EXPECT_TRUE(!finished && error.empty()) << "a request ends twice";
      finished = *end;
    } else {
      EXPECT_TRUE(!finished && error.empty()) << "a request ends twice";
      error = std::get<Error>(event).what();
    }
  }
};

inline std::vector<Outcome> run_requests(Engine& engine, const std::vector<Request>& requests) {
  std::vector<Outcome> outcomes(requests.size());
  engine.generate(requests, [&](size_t i, const Event& event) {
    outcomes[i].add(event);
    return true;
  });
  return outcomes;
}

// `length` tokens that repeat nothing obvious, all within the tiny vocabulary.
inline std::vector<int32_t> tiny_prompt(int length, int seed) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < length; ++i) tokens.push_back((i * 31 + seed * 17 + i * i * 7) % 97);
  return tokens;
}

}  // namespace quandex
