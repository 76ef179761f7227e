// Which of the compiled instruction sets to run.
#pragma once

#include "kernels.h"

namespace mamba_hunet {

// The best set this CPU has, or the one that the environment variable MAMBA_HUNET_ISA names.
// Throws std::runtime_error when it names one that is unknown or that the CPU lacks.
const Kernels<float>& float_kernels();

}  // namespace mamba_hunet
