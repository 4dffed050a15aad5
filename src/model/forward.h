// The forward pass of every dense and mixture-of-experts decoder family, written once against the recorded operations.
#pragma once

#include <span>

#include "backend/command_batch.h"
#include "model/model.h"

namespace quandex {

// Records one step: K and V of in.n_tokens tokens into `kv` (one entry a layer); hidden rows (after the final norm) of
// in.output_rows into scratch.rows [n_hidden, dim]; logits of the first n_logits of them into scratch.logits.
void forward(CommandBatch& batch, const Model& model, std::span<const KvLayer> kv, const StepInputs& in,
             const Scratch& scratch);

}  // namespace quandex
