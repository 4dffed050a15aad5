// The checks of linear_cases.h for every level of this machine as a plain program, for processors that are reached
// through an emulator only. Exit status 1 at the first failure.
#include <fmt/format.h>

#include <functional>
#include <string>

#include "cpu/linear.h"
#include "cpu/linear_cases.h"

namespace quandex::cpu {
namespace {

int n_checks = 0;

bool passes(const std::string& failure) {
  ++n_checks;
  if (!failure.empty()) fmt::print(stderr, "FAILED {}\n", failure);
  return failure.empty();
}

bool format_passes(IsaLevel level, const Format& format, bool exact) {
  const auto with_shape = [&](int rows, int cols) {
    return LinearCase{.level = level, .type = format.type, .exact_activations = exact, .rows = rows, .cols = cols};
  };
  const int odd = format.block_values == 1 ? 101 : 3 * format.block_values;
  for (const int rows : {1, 17, 37})
    if (!passes(check_product(with_shape(rows, odd)))) return false;
  if (!passes(check_product(with_shape(3, format.block_values == 1 ? 5381 : 5376)))) return false;
  if (is_packed(format.type, exact) && !passes(check_extreme_codes(with_shape(17, 256)))) return false;
  return passes(check_batch_invariance(with_shape(37, odd))) && passes(check_bias_and_add(with_shape(37, odd))) &&
         passes(check_not_finite(with_shape(17, 256))) && passes(check_unpacking(with_shape(33, odd)));
}

int run() {
  for (const IsaLevel level : supported_isa_levels()) {
    for (const Format& format : all_formats()) {
      if (!format.encode) continue;
      for (const bool exact : {false, true})
        if (!format_passes(level, format, exact)) return 1;
    }
    fmt::print("{}: {} checks passed so far\n", isa_name(level), n_checks);
  }
  return 0;
}

}  // namespace
}  // namespace quandex::cpu

int main() { return quandex::cpu::run(); }
