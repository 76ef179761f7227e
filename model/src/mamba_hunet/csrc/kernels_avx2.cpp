// Compiled with -mavx2 -mfma.
#include "kernels_of.h"

namespace mamba_hunet {
const Kernels<float> kAvx2Float = kernels<Simd<float, 8>>();
}  // namespace mamba_hunet
