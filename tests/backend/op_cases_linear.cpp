// Cases of the products with weight matrices of every format.
#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "backend/op_cases.h"
#include "backend/op_inputs.h"
#include "support/formats.h"

namespace quandex::test {
namespace {

// What may be added to a dot product of `row` and `x` by rounding, and by holding x in 8 bits: codes of blocks of 32
// are multiples of the largest magnitude / 127, so each is off by half of that at most.
double dot_error(std::span<const float> row, std::span<const float> x, bool quantized) {
  double magnitude = 0, step_error = 0;
  for (size_t start = 0; start < x.size(); start += 32) {
    const size_t end = std::min(start + 32, x.size());
    double largest = 0, weight = 0;
    for (size_t i = start; i < end; ++i) {
      magnitude += std::abs(double{row[i]} * double{x[i]});
      largest = std::max(largest, std::abs(double{x[i]}));
      weight += std::abs(double{row[i]});
    }
    step_error += largest / 127 / 2 * (1 + kTolerance) * weight;
  }
  return kTolerance * magnitude + (quantized ? step_error : 0);
}

bool is_block_format(DType type) { return format_of(type).block_values > 1; }

struct LinearShape {
  std::vector<DType> types;
  std::vector<int> rows;  // of each part
  int n_tokens = 1, cols = 32;
  bool has_bias = false;
  Into into = Into::set;
};

OpOutput linear(Backend& backend, const LinearShape& shape, const Precision& precision) {
  Random random(21);
  std::deque<HostMatrix> parts;
  Linear w;
  for (size_t p = 0; p < shape.types.size(); ++p) {
    parts.emplace_back(shape.types[p], shape.rows[p], shape.cols, random);
    w.parts[p] = parts.back().upload(backend);
    ++w.n_parts;
  }
  const int n_out = w.rows();
  const std::vector<float> bias = random.reals(area(1, n_out), 4);
  if (shape.has_bias) w.bias = float_tensor(backend, 1, n_out, bias);
  const std::vector<float> x = random.reals(area(shape.n_tokens, shape.cols), 2);
  const std::vector<float> before = random.reals(area(shape.n_tokens, n_out), 2);
  const Tensor in = float_tensor(backend, shape.n_tokens, shape.cols, x);
  const Tensor out = float_tensor(backend, shape.n_tokens, n_out, before);
  CommandBatch& batch = backend.begin();
  batch.linear(out, in, w, shape.into);
  submit(backend, batch);
  OpOutput output{floats_of(backend, out), {}};
  if (!precision.wants_tolerance) return output;
  for (int t = 0; t < shape.n_tokens; ++t) {
    const std::span<const float> token{x.data() + area(t, shape.cols), static_cast<size_t>(shape.cols)};
    for (size_t p = 0, column = 0; p < parts.size(); ++p)
      for (int r = 0; r < shape.rows[p]; ++r, ++column) {
        const std::span<const float> row{parts[p].decoded.data() + area(r, shape.cols), token.size()};
        double error = dot_error(row, token, precision.quantizes_activations && is_block_format(shape.types[p]));
        if (shape.has_bias) error += kTolerance * std::abs(double{bias[column]});
        if (shape.into == Into::add) error += kTolerance * std::abs(double{before[area(t, n_out) + column]});
        output.tolerance.push_back(error);
      }
  }
  return output;
}

struct ExpertShape {
  std::vector<DType> types;
  int n_experts = 4, n_active = 2, rows = 16, cols = 32, n_tokens = 1;
  bool shared_input = true;
};

OpOutput expert_linear(Backend& backend, const ExpertShape& shape, const Precision& precision) {
  Random random(22);
  std::deque<HostMatrix> parts;
  ExpertLinear w;
  w.n_experts = shape.n_experts;
  for (const DType type : shape.types) {
    parts.emplace_back(type, shape.n_experts * shape.rows, shape.cols, random);
    w.parts[static_cast<size_t>(w.n_parts++)] = parts.back().upload(backend);
  }
  const int n_pairs = shape.n_tokens * shape.n_active, n_inputs = shape.shared_input ? shape.n_tokens : n_pairs;
  std::vector<int32_t> experts(static_cast<size_t>(n_pairs));
  for (int i = 0; i < n_pairs; ++i)  // different ones within a token
    experts[static_cast<size_t>(i)] = i % shape.n_active == 0
                                          ? random.below(shape.n_experts)
                                          : (experts[static_cast<size_t>(i - 1)] + 1) % shape.n_experts;
  const std::vector<float> x = random.reals(area(n_inputs, shape.cols), 2);
  const Tensor in = float_tensor(backend, n_inputs, shape.cols, x);
  const Tensor chosen = integer_tensor(backend, shape.n_tokens, shape.n_active, experts);
  const Tensor out = backend.allocate(DType::f32, n_pairs, w.rows());
  CommandBatch& batch = backend.begin();
  batch.expert_linear(out, in, w, chosen);
  submit(backend, batch);
  OpOutput output{floats_of(backend, out), {}};
  if (!precision.wants_tolerance) return output;
  for (int i = 0; i < n_pairs; ++i) {
    const std::span<const float> token{x.data() + area(shape.shared_input ? i / shape.n_active : i, shape.cols),
                                       static_cast<size_t>(shape.cols)};
    for (size_t p = 0; p < parts.size(); ++p)
      for (int r = 0; r < shape.rows; ++r) {
        const int row = experts[static_cast<size_t>(i)] * shape.rows + r;
        output.tolerance.push_back(dot_error({parts[p].decoded.data() + area(row, shape.cols), token.size()}, token,
                                             precision.quantizes_activations && is_block_format(shape.types[p])));
      }
  }
  return output;
}

}  // namespace

void add_linear_cases(std::vector<OpCase>& cases) {
  const auto add = [&](std::string name, const LinearShape& shape) {
    cases.push_back({std::move(name), [=](Backend& b, const Precision& p) { return linear(b, shape, p); }});
  };
  const auto add_experts = [&](std::string name, const ExpertShape& shape) {
    cases.push_back({std::move(name), [=](Backend& b, const Precision& p) { return expert_linear(b, shape, p); }});
  };
  for (const Format& format : representative_formats()) {
    const int unit = format.block_values;
    for (const int n_tokens : {1, 3, 19})
      for (const int n_rows : {1, 37, 100}) {
        const int cols = unit == 1 ? (n_rows == 37 ? 33 : 100) : unit * (n_rows == 37 ? 1 : 3);
        add(fmt::format("linear_{}_{}x{}_n{}", format.name, n_rows, cols, n_tokens),
            {{format.type}, {n_rows}, n_tokens, cols, n_rows == 37, n_tokens == 3 ? Into::add : Into::set});
      }
    for (const int n_rows : {24, 40})  // the groups of packed rows cross experts
      add_experts(fmt::format("expert_{}_{}", format.name, n_rows),
                  {{format.type}, 5, 2, n_rows, unit == 1 ? 33 : 2 * unit, 7, true});
  }
  add("linear_wide_q8_0", {{DType::q8_0}, {50}, 12, 2048, false, Into::set});
  add("linear_mixed_parts", {{DType::q4_k, DType::q6_k, DType::f16}, {40, 7, 33}, 5, 512, true, Into::add});
  add_experts("expert_one_token", {{DType::q4_0}, 8, 3, 48, 64, 1, true});
  add_experts("expert_own_inputs", {{DType::q8_0}, 8, 3, 33, 96, 9, false});
  for (const DType type : {DType::q4_0, DType::f16, DType::q5_0})
    add_experts(fmt::format("expert_many_tokens_{}", format_of(type).name), {{type}, 3, 2, 72, 64, 301, true});
  add_experts("expert_mixed_parts", {{DType::q8_0, DType::f16}, 3, 2, 24, 64, 9, true});
  add_experts("expert_two_parts", {{DType::q4_k, DType::q6_k}, 3, 2, 17, 256, 6, true});
}

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> cases = [] {
    std::vector<OpCase> all;
    add_row_cases(all);
    add_linear_cases(all);
    add_attention_cases(all);
    return all;
  }();
  return cases;
}

}  // namespace quandex::test
