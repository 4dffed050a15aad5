// One table of operations on small inputs, run on any backend: inputs are seeded, outputs come back as floats with the
// error that each may have. Shapes are multiples of nothing on purpose.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace quandex::test {

struct OpOutput {
  std::vector<float> values;
  // Allowed |got - want| of each value: 4 eps times the sum of the magnitudes that were added to make it, computed from
  // the inputs alone; 0 where the value must be equal (ids, copies).
  std::vector<double> tolerance;
};

// What a backend may do to precision beyond rounding f32.
struct Precision {
  bool quantizes_activations = false;  // to 8 bits in blocks of 32 before packed products
  bool wants_tolerance = true;         // false: OpOutput::tolerance may stay empty, which saves most of the time
};

struct OpCase {
  std::string name;
  std::function<OpOutput(Backend&, const Precision&)> run;
};

const std::vector<OpCase>& op_cases();

// Parts of the table, by family.
void add_row_cases(std::vector<OpCase>& cases);
void add_linear_cases(std::vector<OpCase>& cases);
void add_attention_cases(std::vector<OpCase>& cases);

}  // namespace quandex::test
