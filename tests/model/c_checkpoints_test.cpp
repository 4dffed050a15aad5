// Logits of tiny checkpoints in the formats of qwen3.c and llama2.c against a forward pass in float64 written with
// numpy, which reads nothing that we wrote (tools/make_qwen3c_fixtures.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "backend/backends.h"
#include "format/gguf.h"
#include "format/gguf_image.h"
#include "format/llama2c.h"
#include "format/qwen3c.h"
#include "model/load.h"
#include "support/memory_weights.h"
#include "support/run_tokens.h"

namespace quandex {
namespace {

const std::filesystem::path kFixtures = QUANDEX_TEST_FIXTURES;

struct Golden {
  std::vector<int32_t> ids;
  std::vector<size_t> positions;  // that logits are kept of
  std::vector<float> logits;      // [positions, vocab]
};

Golden read_golden(const std::filesystem::path& folder) {
  const auto facts = nlohmann::json::parse(std::ifstream(folder / "tiny.json"));
  Golden golden{facts["ids"], facts["positions"], {}};
  golden.logits.resize(facts["shape"][0].get<size_t>() * facts["shape"][1].get<size_t>());
  std::ifstream file(folder / "tiny.f32", std::ios::binary);
  file.read(reinterpret_cast<char*>(golden.logits.data()),
            static_cast<std::streamsize>(golden.logits.size() * sizeof(float)));
  if (!file) throw std::runtime_error("golden logits are cut short");
  return golden;
}

std::vector<float> logits_of(const Metadata& metadata, const WeightSource& weights, Backend& backend,
                             std::span<const int32_t> ids) {
  const ModelConfig config = read_config(metadata, weights);
  EXPECT_TRUE(unused_tensors(config, weights).unexplained.empty());
  const Model model = load_model(config, weights, backend);
  return run_tokens(model, backend, ids, DType::f32);
}

// The largest difference at the kept positions, relative to the largest golden logit.
double relative_error(std::span<const float> logits, const Golden& golden) {
  const size_t vocab = golden.logits.size() / golden.positions.size();
  EXPECT_EQ(logits.size(), golden.ids.size() * vocab);
  double difference = 0, largest = 0;
  for (size_t p = 0; p < golden.positions.size(); ++p) {
    for (size_t i = 0; i < vocab; ++i) {
      const double want = golden.logits[p * vocab + i];
      difference = std::max(difference, std::abs(logits[golden.positions[p] * vocab + i] - want));
      largest = std::max(largest, std::abs(want));
    }
  }
  return difference / largest;
}

template <typename File>
void expect_golden_logits(const std::filesystem::path& folder) {
  const Golden golden = read_golden(folder);
  const File file(folder / "tiny.bin");
  const auto reference = make_reference_backend();
  // What storing activations as float32 between operations costs, as in golden_test.cpp.
  EXPECT_LT(relative_error(logits_of(file.metadata(), file, *reference, golden.ids), golden), 2e-6);
  for (const IsaLevel level : supported_isa_levels()) {
    ThreadPool pool(1);
    const auto cpu = make_cpu_backend(pool, {.isa = level, .exact_activations = true});
    // Float32 sums of up to 64 terms, some 20 of them one after the other: 4 eps sqrt(64 * 20) of the largest.
    EXPECT_LT(relative_error(logits_of(file.metadata(), file, *cpu, golden.ids), golden), 1.8e-5) << isa_name(level);
  }
}

TEST(CCheckpoints, qwen3_c_gives_the_logits_of_its_weights) { expect_golden_logits<Qwen3cFile>(kFixtures / "qwen3c"); }

TEST(CCheckpoints, llama2_c_gives_the_logits_of_its_weights) {
  expect_golden_logits<Llama2cFile>(kFixtures / "llama2c");
}

// A GGUF written for qwen3.c, and the values of that file as float32: the same weights, so the same logits to the bit.
TEST(CCheckpoints, codes_and_scales_in_planes_of_their_own_give_the_logits_of_their_values) {
  const TemporaryPath path("golden_qwen3.bin");
  const GgufFile gguf(kFixtures / "golden" / "qwen3" / "model.gguf");
  EXPECT_EQ(write_qwen3c(path.get(), gguf.metadata(), gguf).group_size, 16);
  const Qwen3cFile file(path.get());
  MemoryWeights decoded;
  for (const std::string& name : file.names()) {
    const HostTensor tensor = *file.find(name);
    std::vector<float> values(static_cast<size_t>(tensor.rows() * tensor.cols()));
    for (int64_t row = 0; row < tensor.rows(); ++row)
      decode_row(
          tensor, row,
          std::span(values).subspan(static_cast<size_t>(row * tensor.cols()), static_cast<size_t>(tensor.cols())));
    decoded.add(name, tensor.shape, values);
  }
  const auto facts = nlohmann::json::parse(std::ifstream(kFixtures / "golden" / "qwen3" / "case.json"));
  const std::vector<int32_t> ids = facts["runs"][0]["ids"];
  const auto backend = make_reference_backend();
  EXPECT_EQ(logits_of(file.metadata(), file, *backend, ids), logits_of(file.metadata(), decoded, *backend, ids));
}

}  // namespace
}  // namespace quandex
