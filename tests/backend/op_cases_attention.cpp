// Cases of qk_norm_rope_store and attention: ragged sequences over shuffled blocks of a paged cache.
#include <fmt/format.h>

#include <algorithm>

#include "backend/attention_step.h"
#include "backend/op_cases.h"
#include "backend/op_inputs.h"

namespace quandex::test {
namespace {

using World = AttentionWorld;

// Scores of one query head in double, with what f32 arithmetic may have added to each.
struct Scores {
  int first = 0;  // position of the first
  std::vector<double> values, errors;
};

Scores score(const World& world, const World::Head& query, int sequence, int position, int kv_head) {
  const AttentionShape& shape = world.shape();
  Scores scores;
  scores.first = shape.window > 0 ? std::max(0, position - shape.window + 1) : 0;
  for (int p = scores.first; p <= position; ++p) {
    const World::Head key = world.head_of(sequence, p, kv_head, true);
    double sum = 0, error = 0;
    for (size_t d = 0; d < query.values.size(); ++d) {
      sum += query.values[d] * key.values[d];
      error += kTolerance * std::abs(query.values[d] * key.values[d]) + query.errors[d] * std::abs(key.values[d]) +
               key.errors[d] * std::abs(query.values[d]);
    }
    sum *= double{world.scale()};
    error *= double{world.scale()};
    if (shape.softcap > 0) {
      sum = double{shape.softcap} * std::tanh(sum / double{shape.softcap});
      error += kTolerance * std::abs(sum);
    }
    scores.values.push_back(sum);
    scores.errors.push_back(error);
  }
  return scores;
}

// out = sum of p v / sum of p: each weight p is off by the error of its score, of the exponent's rounding, and by eps.
void add_attention_errors(const World& world, int sequence, int position, int head, std::vector<double>& tolerance) {
  const HeadShape& heads = world.shape().heads;
  const int kv_head = head / (heads.n_heads / heads.n_kv_heads);
  const Scores scores = score(world, world.head_of(sequence, position, head, false), sequence, position, kv_head);
  const double largest = *std::max_element(scores.values.begin(), scores.values.end());
  const auto n = static_cast<size_t>(heads.head_dim);
  std::vector<double> sums(n), magnitudes(n);
  double total = 0, weight_error = 0;
  for (size_t i = 0; i < scores.values.size(); ++i) {
    const double weight = std::exp(scores.values[i] - largest);
    const double error = weight * (kTolerance + scores.errors[i] + kEps * (largest - scores.values[i]));
    const std::vector<float> value = world.value_of(sequence, scores.first + static_cast<int>(i), kv_head);
    total += weight;
    weight_error += error;
    for (size_t d = 0; d < n; ++d) {
      sums[d] += weight * double{value[d]};
      magnitudes[d] += (error + kTolerance * weight) * std::abs(double{value[d]});
    }
  }
  for (size_t d = 0; d < n; ++d)
    tolerance.push_back((magnitudes[d] + std::abs(sums[d]) / total * weight_error) / total);
}

OpOutput attend(Backend& backend, const AttentionShape& shape, const Precision& precision) {
  World world(backend, shape);
  std::vector<World::Part> past, now;
  for (int s = 0; s < static_cast<int>(shape.sequences.size()); ++s) {
    const auto& sequence = shape.sequences[static_cast<size_t>(s)];
    if (sequence.n_past > 0) past.push_back({s, 0, sequence.n_past});
    now.push_back({s, sequence.n_past, sequence.n_new});
  }
  if (!past.empty()) world.run(past);
  const World::Output got = world.run(now);

  OpOutput output{got.attended, {}};
  output.values.insert(output.values.end(), got.queries.begin(), got.queries.end());
  if (!precision.wants_tolerance) return output;
  for (const World::Part& part : now)
    for (int p = part.first; p < part.first + part.n_tokens; ++p)
      for (int h = 0; h < shape.heads.n_heads; ++h) add_attention_errors(world, part.sequence, p, h, output.tolerance);
  for (const World::Part& part : now)
    for (int p = part.first; p < part.first + part.n_tokens; ++p)
      for (int h = 0; h < shape.heads.n_heads; ++h) {
        const World::Head head = world.head_of(part.sequence, p, h, false);
        output.tolerance.insert(output.tolerance.end(), head.errors.begin(), head.errors.end());
      }
  return output;
}

}  // namespace

void add_attention_cases(std::vector<OpCase>& cases) {
  const auto add = [&](std::string name, const AttentionShape& shape) {
    for (const DType type : kKvTypes) {
      if (!holds_kv(type, shape.heads.head_dim)) continue;
      AttentionShape typed = shape;
      typed.kv_type = type;
      cases.push_back({fmt::format("attention_{}_{}", name, format_of(type).name),
                       [=](Backend& b, const Precision& p) { return attend(b, typed, p); }});
    }
  };
  const std::vector<AttentionShape::Sequence> ragged{{0, 1}, {33, 1}, {0, 21}, {70, 9}, {31, 2}};
  for (const int head_dim : {2, 6, 40, 64, 80, 128})
    add(fmt::format("dim_{}", head_dim), {.heads = {3, 1, head_dim}, .sequences = ragged});
  add("multi_head", {.heads = {5, 5, 40}, .sequences = ragged});
  add("grouped", {.heads = {8, 2, 64}, .sequences = ragged});
  add("one_group_of_nine", {.heads = {9, 1, 16}, .sequences = ragged});
  add("window", {.heads = {4, 2, 40}, .sequences = ragged, .window = 7});
  add("window_of_one", {.heads = {2, 2, 6}, .sequences = ragged, .window = 1});
  add("softcap", {.heads = {4, 2, 40}, .sequences = ragged, .softcap = 1.5f});
  add("small_blocks", {.heads = {4, 2, 40}, .block_size = 16, .sequences = ragged, .window = 20});
  add("partial_rope", {.heads = {4, 2, 40}, .sequences = ragged, .rope_dims = 14});
  add("full_rope_and_norms", {.heads = {4, 2, 64}, .sequences = ragged, .rope_dims = 64, .has_norms = true});
  for (const int head_dim : {32, 96, 256})
    add(fmt::format("normed_dim_{}", head_dim),
        {.heads = {6, 2, head_dim}, .sequences = ragged, .rope_dims = head_dim, .has_norms = true});
  add("blocks_of_32_windowed",
      {.heads = {9, 1, 64}, .block_size = 16, .sequences = ragged, .window = 20, .softcap = 2});
  add("blocks_of_32_long", {.heads = {4, 2, 32}, .sequences = {{699, 1}, {256, 1}, {511, 1}, {250, 40}}});
  add("blocks_of_32_long_windowed", {.heads = {2, 1, 32}, .sequences = {{600, 3}, {0, 300}}, .window = 270});
  add("tiny_rope", {.heads = {3, 1, 6}, .sequences = ragged, .rope_dims = 2, .has_norms = true});
  add("long_decode", {.heads = {4, 2, 8}, .sequences = {{699, 1}, {255, 1}, {256, 1}, {257, 1}, {511, 1}}});
  add("long_windowed", {.heads = {4, 2, 8}, .sequences = {{699, 1}, {600, 3}, {120, 9}}, .window = 300});
  add("long_prefill", {.heads = {2, 1, 8}, .sequences = {{0, 300}, {250, 40}}});
}

}  // namespace quandex::test
