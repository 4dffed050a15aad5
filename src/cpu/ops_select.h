// Which table of operation kernels a level runs with. The definition is chosen by the build for the architecture.
#pragma once

#include "base/cpu_features.h"
#include "cpu/ops_kernels.h"

namespace quandex::cpu {

// The level must be one of supported_isa_levels().
const OpsKernels& ops_kernels(IsaLevel level);

}  // namespace quandex::cpu
