// Compiled with -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma.
#include "kernels_of.h"

namespace mamba_hunet {
const Kernels<float> kAvx512Float = kernels<Simd<float, 16>>();
}  // namespace mamba_hunet
