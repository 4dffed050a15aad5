// Cases of the operations on rows and elements.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backend/op_cases.h"
#include "backend/op_inputs.h"
#include "backend/sample_row.h"
#include "support/formats.h"

namespace quandex::test {
namespace {

constexpr int kRows[] = {1, 5};
constexpr int kCols[] = {1, 7, 33, 100, 2050};

OpOutput rms_norm(Backend& backend, int rows, int cols, Into into) {
  Random random(17);
  const std::vector<float> x = random.reals(area(rows, cols), 3), weight = random.reals(area(1, cols));
  const std::vector<float> before = random.reals(area(rows, cols));
  const Tensor x_tensor = float_tensor(backend, rows, cols, x), w_tensor = float_tensor(backend, 1, cols, weight);
  const Tensor out = float_tensor(backend, rows, cols, before);
  CommandBatch& batch = backend.begin();
  batch.rms_norm(out, x_tensor, w_tensor, 1e-5f, into);
  submit(backend, batch);
  OpOutput output{floats_of(backend, out), {}};
  for (size_t i = 0; i < x.size(); ++i) {
    // The product, and the sum it goes into; the factor's own error is half that of a sum of positive terms.
    const double old = into == Into::add ? std::abs(double{before[i]}) : 0;
    output.tolerance.push_back(kTolerance * (2 * old + std::abs(double{output.values[i]})));
  }
  return output;
}

OpOutput norm_in_place(Backend& backend) {
  Random random(3);
  const Tensor x = float_tensor(backend, 3, 65, random.reals(3 * 65));
  const Tensor weight = float_tensor(backend, 1, 65, random.reals(65));
  CommandBatch& batch = backend.begin();
  batch.rms_norm(x, x, weight, 1e-6f);
  submit(backend, batch);
  OpOutput output{floats_of(backend, x), {}};
  for (const float value : output.values) output.tolerance.push_back(kTolerance * std::abs(double{value}));
  return output;
}

// Gates over the whole range: large ones saturate, tiny ones must keep their relative precision.
OpOutput glu(Backend& backend, int rows, int cols, Activation activation) {
  Random random(5);
  std::vector<float> gate_up(area(rows, 2 * cols));
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c) {
      const float magnitude = std::ldexp(1.0f, random.below(24) - 16);
      gate_up[area(r, 2 * cols) + static_cast<size_t>(c)] = random.real(magnitude);
      gate_up[area(r, 2 * cols) + static_cast<size_t>(c + cols)] = random.real(2);
    }
  const Tensor in = float_tensor(backend, rows, 2 * cols, gate_up), out = backend.allocate(DType::f32, rows, cols);
  CommandBatch& batch = backend.begin();
  batch.glu(out, in, activation);
  submit(backend, batch);
  OpOutput output{floats_of(backend, out), {}};
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c) {
      const double gate = double{gate_up[area(r, 2 * cols) + static_cast<size_t>(c)]};
      const double up = double{gate_up[area(r, 2 * cols) + static_cast<size_t>(c + cols)]};
      // The exponent's rounding is an error of the exponential relative to its size: gate * e^-|u| * |u| eps.
      const double u = activation == Activation::silu ? std::abs(gate)
                                                      : std::abs(1.5957691216 * gate * (1 + 0.044715 * gate * gate));
      const double value = std::abs(gate) / (1 + std::exp(gate > 0 ? -u : u));
      const double slope = std::abs(gate) * u * std::exp(-u);
      // e^x overflows past 88.7, where the value is below 1e-36; the reference adds 1 and a tanh near -1 in double.
      const double limits = 1e-36 + 1e-15 * std::abs(gate);
      output.tolerance.push_back((kTolerance * (value + slope) + limits) * std::abs(up));
    }
  return output;
}

OpOutput softcap(Backend& backend, int rows, int cols, float cap) {
  Random random(6);
  std::vector<float> x(area(rows, cols));
  for (float& value : x) value = random.real(std::ldexp(1.0f, random.below(20) - 10));
  const Tensor tensor = float_tensor(backend, rows, cols, x);
  CommandBatch& batch = backend.begin();
  batch.softcap(tensor, cap);
  submit(backend, batch);
  OpOutput output{floats_of(backend, tensor), {}};
  for (const float value : x) {
    const double capped = double{cap} * std::tanh(std::abs(double{value}) / double{cap});
    output.tolerance.push_back(kTolerance * capped);
  }
  return output;
}

OpOutput embed(Backend& backend, DType type, int cols, float scale) {
  Random random(7);
  const HostMatrix table(type, 37, cols, random);
  const Tensor table_tensor = table.upload(backend);
  const std::vector<int32_t> ids{36, 0, 5, 5, 17, 35};
  const Tensor tokens = integer_tensor(backend, 6, 1, ids), out = backend.allocate(DType::f32, 6, cols);
  CommandBatch& batch = backend.begin();
  batch.embed(out, table_tensor, tokens, scale);
  submit(backend, batch);
  OpOutput output{floats_of(backend, out), {}};
  output.tolerance.assign(output.values.size(), 0.0);  // decoding is exact and the scale rounds once
  return output;
}

SampleParameters greedy() { return {}; }
SampleParameters seeded(uint64_t seed) {
  SampleParameters parameters;
  parameters.temperature = 0.8f;
  parameters.top_k = 12;
  parameters.top_p = 0.9f;
  parameters.seed = seed;
  parameters.output_index = 3;
  parameters.n_ids = 250;
  return parameters;
}

// Samples, then embeds the sampled ids in the next step without the host seeing them.
OpOutput sample_then_embed(Backend& backend) {
  constexpr int kRowCount = 6, kVocab = 301, kDim = 12;
  Random random(8);
  std::vector<float> logits = random.reals(area(kRowCount, kVocab), 5);
  logits[area(1, kVocab) + 40] = logits[area(1, kVocab) + 90] = 9;  // a tie
  logits[area(4, kVocab) + 2] = std::numeric_limits<float>::quiet_NaN();
  logits[area(5, kVocab)] = std::numeric_limits<float>::infinity();
  std::vector<int32_t> parameters(area(kRowCount, kSampleColumns));
  for (int r = 0; r < kRowCount; ++r)
    pack_sample_parameters(r < 2 ? greedy() : seeded(static_cast<uint64_t>(r) << 33),
                           {parameters.data() + area(r, kSampleColumns), kSampleColumns});
  const HostMatrix table(DType::f32, kVocab, kDim, random);
  const Tensor table_tensor = table.upload(backend);
  const Tensor ids = backend.allocate(DType::i32, kRowCount, 1), out = backend.allocate(DType::f32, 4, kDim);
  const Tensor logits_tensor = float_tensor(backend, kRowCount, kVocab, logits);
  const Tensor parameters_tensor = integer_tensor(backend, kRowCount, kSampleColumns, parameters);
  const Tensor tokens = integer_tensor(backend, 4, 1, {~3, 7, ~0, ~1});
  CommandBatch& first = backend.begin();
  first.sample(ids, logits_tensor, parameters_tensor);
  submit(backend, first);
  CommandBatch& second = backend.begin();
  second.embed(out, table_tensor, tokens, 1);
  submit(backend, second);
  OpOutput output{floats_of(backend, out), {}};
  for (const int32_t id : integers_of(backend, ids)) output.values.push_back(static_cast<float>(id));
  output.tolerance.assign(output.values.size(), 0.0);
  return output;
}

OpOutput gather(Backend& backend) {
  Random random(9);
  const Tensor x = float_tensor(backend, 9, 33, random.reals(9 * 33)), out = backend.allocate(DType::f32, 4, 33);
  const Tensor rows = integer_tensor(backend, 4, 1, {8, 0, 8, 3});
  CommandBatch& batch = backend.begin();
  batch.gather_rows(out, x, rows);
  submit(backend, batch);
  OpOutput output{floats_of(backend, out), {}};
  output.tolerance.assign(output.values.size(), 0.0);
  return output;
}

OpOutput route(Backend& backend, const RouteConfig& config) {
  constexpr int kRowCount = 7;
  Random random(10);
  std::vector<float> logits = random.reals(area(kRowCount, config.n_experts), 4);
  for (int e = 0; e < config.n_experts; ++e) logits[static_cast<size_t>(e)] = 1;  // all tie in row 0
  const Tensor in = float_tensor(backend, kRowCount, config.n_experts, logits);
  const Tensor weights = backend.allocate(DType::f32, kRowCount, config.n_active);
  const Tensor experts = backend.allocate(DType::i32, kRowCount, config.n_active);
  CommandBatch& batch = backend.begin();
  batch.route(weights, experts, in, config);
  submit(backend, batch);
  OpOutput output{floats_of(backend, weights), {}};
  for (const float value : output.values) output.tolerance.push_back(kTolerance * std::abs(double{value}));
  for (const int32_t id : integers_of(backend, experts)) output.values.push_back(static_cast<float>(id));
  output.tolerance.resize(output.values.size(), 0.0);
  return output;
}

OpOutput expert_sum(Backend& backend, int cols, Into into) {
  constexpr int kRowCount = 3, kActive = 4;
  Random random(11);
  const std::vector<float> x = random.reals(area(kRowCount, cols));
  const std::vector<float> branches = random.reals(area(kRowCount * kActive, cols));
  const std::vector<float> weights = random.reals(area(kRowCount, kActive));
  const Tensor out = float_tensor(backend, kRowCount, cols, x);
  const Tensor in = float_tensor(backend, kRowCount * kActive, cols, branches);
  const Tensor w = float_tensor(backend, kRowCount, kActive, weights);
  CommandBatch& batch = backend.begin();
  batch.expert_sum(out, in, w, into);
  submit(backend, batch);
  OpOutput output{floats_of(backend, out), {}};
  for (int r = 0; r < kRowCount; ++r)
    for (int c = 0; c < cols; ++c) {
      double sum = into == Into::add ? std::abs(double{x[area(r, cols) + static_cast<size_t>(c)]}) : 0;
      for (int a = 0; a < kActive; ++a)
        sum += std::abs(double{weights[area(r, kActive) + static_cast<size_t>(a)]} *
                        double{branches[area(r * kActive + a, cols) + static_cast<size_t>(c)]});
      output.tolerance.push_back(kTolerance * sum);
    }
  return output;
}

}  // namespace

void add_row_cases(std::vector<OpCase>& cases) {
  for (const int rows : kRows)
    for (const int cols : kCols) {
      const std::string shape = fmt::format("{}x{}", rows, cols);
      for (const Into into : {Into::set, Into::add})
        cases.push_back({fmt::format("rms_norm_{}_{}", into == Into::set ? "set" : "add", shape),
                         [=](Backend& b, const Precision&) { return rms_norm(b, rows, cols, into); }});
      cases.push_back(
          {"silu_" + shape, [=](Backend& b, const Precision&) { return glu(b, rows, cols, Activation::silu); }});
      cases.push_back(
          {"gelu_" + shape, [=](Backend& b, const Precision&) { return glu(b, rows, cols, Activation::gelu_tanh); }});
      cases.push_back({"softcap_" + shape, [=](Backend& b, const Precision&) { return softcap(b, rows, cols, 30); }});
    }
  cases.push_back({"rms_norm_in_place", [](Backend& b, const Precision&) { return norm_in_place(b); }});
  for (const Format& format : representative_formats()) {
    const DType type = format.type;
    const int cols = format.block_values == 1 ? 33 : 3 * format.block_values;
    cases.push_back({fmt::format("embed_{}", format.name),
                     [=](Backend& b, const Precision&) { return embed(b, type, cols, 1.0f); }});
  }
  cases.push_back({"embed_scaled", [](Backend& b, const Precision&) { return embed(b, DType::q8_0, 64, 8.0625f); }});
  cases.push_back({"sample_then_embed", [](Backend& b, const Precision&) { return sample_then_embed(b); }});
  cases.push_back({"gather_rows", [](Backend& b, const Precision&) { return gather(b); }});
  for (const RouteScore score : {RouteScore::softmax_then_choose, RouteScore::choose_then_softmax, RouteScore::sigmoid})
    for (const bool normalize : {false, true})
      for (const auto& [n_experts, n_active] :
           {std::pair{13, 3}, std::pair{128, 8}, std::pair{2, 2}, std::pair{5, 1}}) {
        const RouteConfig config{n_experts, n_active, score, normalize, 1.5f};
        cases.push_back({fmt::format("route_{}_of_{}_{}_{}", n_active, n_experts, static_cast<int>(score),
                                     normalize ? "normalized" : "plain"),
                         [=](Backend& b, const Precision&) { return route(b, config); }});
      }
  for (const int cols : {7, 1100})
    for (const Into into : {Into::set, Into::add})
      cases.push_back({fmt::format("expert_sum_{}_{}", into == Into::set ? "set" : "add", cols),
                       [=](Backend& b, const Precision&) { return expert_sum(b, cols, into); }});
}

}  // namespace quandex::test
