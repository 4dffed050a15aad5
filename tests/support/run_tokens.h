// One sequence through a model in one step, without the engine: for tests of what lies below it.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "model/forward.h"
#include "model/load.h"

namespace quandex {

inline void fill(Backend& backend, Tensor t, std::span<const int32_t> values) {
  std::memcpy(backend.host_view(t).data(), values.data(), values.size_bytes());
}

// Logits of every position, [n_tokens, vocab].
inline std::vector<float> run_tokens(const Model& model, Backend& backend, std::span<const int32_t> ids,
                                     DType kv_type) {
  constexpr int kBlock = 32;
  const int n = static_cast<int>(ids.size());
  const int n_blocks = (n + kBlock - 1) / kBlock;
  std::vector<KvLayer> kv;
  for (const LayerConfig& layer : model.config.layers) {
    const int cols = layer.attention.heads.kv_cols();
    kv.push_back({backend.allocate(kv_type, n_blocks * kBlock, cols),
                  backend.allocate(kv_type, n_blocks * kBlock, cols), kBlock});
  }
  std::vector<int32_t> positions(ids.size()), blocks(static_cast<size_t>(n_blocks));
  for (int i = 0; i < n; ++i) positions[static_cast<size_t>(i)] = i;
  for (int i = 0; i < n_blocks; ++i) blocks[static_cast<size_t>(i)] = i;
  StepInputs in;
  in.n_tokens = in.n_hidden = in.n_logits = n;
  in.n_sequences = 1;
  const auto column = [&](std::vector<int32_t> values) {
    const Tensor t = backend.allocate(DType::i32, static_cast<int>(values.size()), 1);
    fill(backend, t, values);
    return t;
  };
  in.tokens = column({ids.begin(), ids.end()});
  in.positions = in.output_rows = column(positions);
  in.sequence_starts = column({0, n});
  in.lengths = column({n});
  in.rope_variants = column({model.config.rope_variant(n)});
  for (size_t g = 0; g < model.config.kv_group_windows.size(); ++g)
    in.kv[g] = {in.positions, with_shape(column(blocks), 1, n_blocks)};
  const Scratch scratch = allocate_scratch(model, {n, 1, n, n}, backend);
  CommandBatch& batch = backend.begin();
  forward(batch, model, kv, in, scratch);
  backend.wait(batch.submit());
  const std::span<std::byte> bytes = backend.host_view(scratch.logits);
  std::vector<float> logits(bytes.size() / sizeof(float));
  std::memcpy(logits.data(), bytes.data(), bytes.size());
  return logits;
}

}  // namespace quandex
