// For every CPU: 128-bit vectors, which all 64-bit x86 and Arm have. Also the double precision of gradient checks.
#include "kernels_of.h"

namespace mamba_hunet {
const Kernels<float> kPortableFloat = kernels<Simd<float, 4>>();
const Kernels<double> kPortableDouble = kernels<Simd<double, 2>>();
}  // namespace mamba_hunet
