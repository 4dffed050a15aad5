// Logits of tiny checkpoints of every architecture and file family against a float64 forward pass in numpy that agrees
// with transformers (tools/make_golden.py). None of the files is written by our own writers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "backend/backends.h"
#include "model/checkpoint.h"
#include "model/load.h"
#include "support/golden_cases.h"
#include "support/run_tokens.h"

namespace quandex {
namespace {

double largest(std::span<const float> values) {
  double most = 0;
  for (const float value : values) most = std::max(most, std::abs(static_cast<double>(value)));
  return most;
}

// The largest difference, relative to the largest golden logit.
double relative_error(std::span<const float> got, std::span<const float> golden) {
  double difference = 0;
  for (size_t i = 0; i < golden.size(); ++i)
    difference = std::max(difference, std::abs(static_cast<double>(got[i]) - golden[i]));
  return difference / largest(golden);
}

// The position after which another token is likeliest although the golden gap is more than twice the tolerance; -1
// where there is none.
int first_other_choice(std::span<const float> got, std::span<const float> golden, int vocab, double tolerance) {
  const auto n = static_cast<size_t>(vocab);
  for (size_t row = 0; row * n < golden.size(); ++row) {
    const auto want = golden.subspan(row * n, n), have = got.subspan(row * n, n);
    const auto best = static_cast<size_t>(std::max_element(want.begin(), want.end()) - want.begin());
    const auto chosen = static_cast<size_t>(std::max_element(have.begin(), have.end()) - have.begin());
    const double gap = static_cast<double>(want[best]) - want[chosen];
    if (gap > 2 * tolerance * largest(golden)) return static_cast<int>(row);
  }
  return -1;
}

class Golden : public testing::TestWithParam<GoldenFile> {
 protected:
  Golden() : checkpoint_(GetParam().path), config_(checkpoint_.read_config()) {}

  void expect_golden_logits(Backend& backend, double tolerance, const std::string& what) const {
    const Model model = load_model(config_, checkpoint_.weights(), backend);
    for (const GoldenRun& run : GetParam().runs) {
      const std::vector<float> logits = run_tokens(model, backend, run.ids, DType::f32);
      ASSERT_EQ(logits.size(), run.logits.size());
      const double error = relative_error(logits, run.logits);
      std::printf("  %-28s %-22s %zu tokens: %.1e of the largest logit\n", GetParam().name.c_str(), what.c_str(),
                  run.ids.size(), error);
      EXPECT_LT(error, tolerance) << what << ", " << run.ids.size() << " tokens";
      EXPECT_EQ(first_other_choice(logits, run.logits, config_.vocab, tolerance), -1) << what;
    }
  }

  const Checkpoint checkpoint_;
  const ModelConfig config_;
};

TEST_P(Golden, reference_gives_the_golden_logits) {
  EXPECT_EQ(unused_tensors(config_, checkpoint_.weights()).unexplained, std::vector<std::string>{});
  const auto backend = make_reference_backend();
  // What storing activations as float32 between operations costs; the sums themselves are double on both sides.
  expect_golden_logits(*backend, 1e-5, "reference");
}

TEST_P(Golden, cpu_gives_the_golden_logits_at_every_level) {
  for (const IsaLevel level : supported_isa_levels()) {
    ThreadPool pool(2);
    const auto backend = make_cpu_backend(pool, {.isa = level});
    // Float32 sums of up to 256 terms, up to 60 of them one after the other: 4 eps sqrt(256 * 60) of the largest.
    expect_golden_logits(*backend, 6e-5, std::string(isa_name(level)));
  }
}

// What a checkpoint's configuration says is in the model, settled, or without effect: nothing is passed over.
TEST_P(Golden, every_key_of_the_configuration_is_known) {
  for (const ConfigKey& key : checkpoint_.config_keys())
    EXPECT_NE(key.use, KeyUse::unknown) << key.name << " = " << key.value;
}

INSTANTIATE_TEST_SUITE_P(Files, Golden, testing::ValuesIn(golden_files()), [](const auto& info) {
  std::string name = info.param.name;
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

}  // namespace
}  // namespace quandex
