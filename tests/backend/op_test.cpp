// The table of op_cases.h on the CPU backend at every level this machine has, against the reference.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "backend/backends.h"
#include "backend/op_cases.h"
#include "backend/op_inputs.h"

namespace quandex::test {
namespace {

struct CpuVariant {
  IsaLevel isa;
  bool exact_activations;
};

std::vector<CpuVariant> cpu_variants() {
  std::vector<CpuVariant> variants;
  for (const IsaLevel isa : supported_isa_levels())
    for (const bool exact : {false, true}) variants.push_back({isa, exact});
  return variants;
}

std::string variant_name(const testing::TestParamInfo<CpuVariant>& info) {
  return fmt::format("{}_{}", isa_name(info.param.isa), info.param.exact_activations ? "exact" : "quantized");
}

const std::vector<float>& reference_values(const OpCase& op_case) {
  static std::map<std::string, std::vector<float>> cache;
  auto& values = cache[op_case.name];
  if (values.empty()) {
    const std::unique_ptr<Backend> reference = make_reference_backend();
    values = op_case.run(*reference, {.wants_tolerance = false}).values;
  }
  return values;
}

void expect_within_tolerance(const OpCase& op_case, const std::vector<float>& want, const OpOutput& got) {
  ASSERT_EQ(got.values.size(), want.size()) << op_case.name;
  ASSERT_EQ(got.tolerance.size(), want.size()) << op_case.name;
  size_t worst = 0;
  double worst_ratio = 0, squared_error = 0, squares = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i]) && std::isnan(got.values[i])) continue;
    const double error = std::abs(double{got.values[i]} - double{want[i]});
    squared_error += error * error;
    squares += double{want[i]} * double{want[i]};
    const double ratio = error == 0 ? 0 : error / got.tolerance[i];
    if (!(ratio <= worst_ratio)) {
      worst_ratio = ratio;
      worst = i;
    }
  }
  EXPECT_LE(worst_ratio, 1) << op_case.name << ": value " << worst << " of " << want.size() << " is "
                            << got.values[worst] << ", the reference has " << want[worst] << ", allowed difference "
                            << got.tolerance[worst] << ", normalised mean square error " << squared_error / squares;
}

class CpuOps : public testing::TestWithParam<CpuVariant> {};

TEST_P(CpuOps, every_case_agrees_with_the_reference) {
  ThreadPool pool(2);
  const Precision precision{.quantizes_activations = !GetParam().exact_activations};
  const std::unique_ptr<Backend> cpu = make_cpu_backend(pool, {GetParam().isa, GetParam().exact_activations});
  for (const OpCase& op_case : op_cases())
    expect_within_tolerance(op_case, reference_values(op_case), op_case.run(*cpu, precision));
}

// The cut of the work over threads may change no bit.
TEST_P(CpuOps, every_case_is_the_same_with_any_number_of_threads) {
  std::map<std::string, std::vector<float>> alone;
  for (const int n_threads : {1, 2, 3}) {
    ThreadPool pool(n_threads);
    const std::unique_ptr<Backend> cpu = make_cpu_backend(pool, {GetParam().isa, GetParam().exact_activations});
    for (const OpCase& op_case : op_cases()) {
      const std::vector<float> values = op_case.run(*cpu, {.wants_tolerance = false}).values;
      const auto [entry, is_new] = alone.emplace(op_case.name, values);
      if (is_new) continue;
      ASSERT_EQ(values.size(), entry->second.size());
      EXPECT_EQ(std::memcmp(values.data(), entry->second.data(), values.size() * sizeof(float)), 0)
          << op_case.name << " with " << n_threads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(levels, CpuOps, testing::ValuesIn(cpu_variants()), variant_name);

}  // namespace
}  // namespace quandex::test
