// What the reference backend makes of a golden checkpoint, computed once for all tests of a program.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backend/backends.h"
#include "model/checkpoint.h"
#include "support/golden_cases.h"
#include "support/run_tokens.h"

namespace quandex {

// Logits of each run of `file`, computed by `checkpoint`, which may be another one with the same tokens.
inline std::vector<std::vector<float>> logits_of_runs(const Checkpoint& checkpoint, const GoldenFile& file) {
  const auto backend = make_reference_backend();
  const Model model = load_model(checkpoint.read_config(), checkpoint.weights(), *backend);
  std::vector<std::vector<float>> logits;
  for (const GoldenRun& run : file.runs) logits.push_back(run_tokens(model, *backend, run.ids, DType::f32));
  return logits;
}

inline const std::vector<std::vector<float>>& reference_logits(const GoldenFile& file) {
  static std::map<std::string, std::vector<std::vector<float>>> known;
  const auto found = known.find(file.name);
  if (found != known.end()) return found->second;
  return known.emplace(file.name, logits_of_runs(Checkpoint(file.path), file)).first->second;
}

// "qwen3-mlx-mixed-mlx" as a name that gtest takes.
inline std::string test_name(const GoldenFile& file) {
  std::string name = file.name;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
}

}  // namespace quandex
