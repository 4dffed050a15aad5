#include <algorithm>

#include "backend/cost.h"
#include "model/forward.h"
#include "model/load.h"
#include "model/scratch.h"

namespace quandex {

StepCost step_cost(const ModelConfig& config, const WeightSource& weights, int n_sequences, int tokens_per_sequence,
                   int length, DType kv_type) {
  CostModel cost(length);
  const Model model = load_shapes(config, weights, cost);
  const StepLimits limits{n_sequences * tokens_per_sequence, n_sequences, n_sequences, n_sequences};
  const Scratch scratch = allocate_scratch(model, limits, cost);
  std::vector<KvLayer> kv;
  for (const LayerConfig& layer : config.layers) {
    const int cols = layer.attention.heads.kv_cols();
    kv.push_back({cost.allocate(kv_type, length, cols), cost.allocate(kv_type, length, cols), 32});
  }
  forward(cost.begin(), model, kv, shape_inputs(config, limits, cost), scratch);
  const CostTotals& totals = cost.totals();
  return {totals.weight_bytes, totals.kv_bytes, totals.activation_bytes, totals.flops};
}

}  // namespace quandex
