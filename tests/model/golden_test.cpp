// Logits of tiny checkpoints, one or two of each architecture, against transformers in double precision
// (tools/make_golden.py). The checkpoints are written by the `gguf` package, not by us.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backend/backends.h"
#include "format/gguf.h"
#include "model/load.h"
#include "support/run_tokens.h"

namespace quandex {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(QUANDEX_TEST_FIXTURES) / "golden";

struct GoldenCase {
  std::vector<int32_t> ids;
  std::vector<float> logits;  // [n_tokens, vocab]
};

GoldenCase read_case(const std::string& name) {
  GoldenCase golden;
  const auto facts = nlohmann::json::parse(std::ifstream(kFolder / (name + ".json")));
  golden.ids = facts["ids"].get<std::vector<int32_t>>();
  golden.logits.resize(facts["shape"][0].get<size_t>() * facts["shape"][1].get<size_t>());
  std::ifstream file(kFolder / (name + ".f32"), std::ios::binary);
  file.read(reinterpret_cast<char*>(golden.logits.data()),
            static_cast<std::streamsize>(golden.logits.size() * sizeof(float)));
  if (!file) throw std::runtime_error("golden logits of " + name + " are cut short");
  return golden;
}

// The largest difference, relative to the largest golden logit.
double relative_error(std::span<const float> got, std::span<const float> golden) {
  double difference = 0, largest = 0;
  for (size_t i = 0; i < golden.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(got[i]) - golden[i]));
    largest = std::max(largest, std::abs(static_cast<double>(golden[i])));
  }
  return difference / largest;
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  std::vector<float> logits_on(Backend& backend) const {
    const GgufFile file(kFolder / (GetParam() + ".gguf"));
    const ModelConfig config = read_config(file.metadata(), file);
    EXPECT_TRUE(unused_tensors(config, file).empty());
    const Model model = load_model(config, file, backend);
    return run_tokens(model, backend, golden_.ids, DType::f32);
  }

  const GoldenCase golden_ = read_case(GetParam());
};

TEST_P(Golden, reference_gives_the_logits_of_transformers) {
  const auto backend = make_reference_backend();
  const std::vector<float> logits = logits_on(*backend);
  ASSERT_EQ(logits.size(), golden_.logits.size());
  // What storing activations as float32 between operations costs; the sums themselves are double on both sides.
  EXPECT_LT(relative_error(logits, golden_.logits), 2e-6);
}

TEST_P(Golden, cpu_gives_the_logits_of_transformers_at_every_level) {
  for (const IsaLevel level : supported_isa_levels()) {
    for (const int n_threads : {1, 2}) {
      ThreadPool pool(n_threads);
      const auto backend = make_cpu_backend(pool, {.isa = level});
      const std::vector<float> logits = logits_on(*backend);
      ASSERT_EQ(logits.size(), golden_.logits.size());
      // Float32 sums of up to 192 terms, some 20 of them one after the other: 4 eps sqrt(192 * 20) of the largest.
      EXPECT_LT(relative_error(logits, golden_.logits), 3e-5) << isa_name(level) << ", " << n_threads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Golden, testing::Values("llama", "llama-tied", "qwen3", "qwen3-untied"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace quandex
