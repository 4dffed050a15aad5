// Running the forward pass on shapes alone.
#pragma once

#include "backend/shape_check.h"
#include "format/weight_source.h"
#include "model/model.h"

namespace quandex {

// The model with shapes but no bytes, for the shape check and the cost model. Reads no tensor data.
Model load_shapes(const ModelConfig& config, const WeightSource& weights, Backend& backend);

// Runs forward on `shapes`: throws Error{invalid_file} for the first operation whose shapes disagree; the scratch
// that comes back belongs to `shapes`, which knows how large each tensor must be.
Scratch check_shapes(const Model& model, const StepLimits& limits, ShapeCheck& shapes);

// Inputs of a step of the largest size, with memory from `backend` that nobody has filled.
StepInputs shape_inputs(const ModelConfig& config, const StepLimits& limits, Backend& backend);

}  // namespace quandex
