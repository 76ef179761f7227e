// What each instruction set's translation unit offers the driver. Plain functions and structs only: a standard library
// template instantiated under AVX flags could be picked by the linker for code that must run without AVX.
#pragma once

#include "selective_scan.h"

namespace mamba_hunet {

// A run of channels of one batch entry, all in one group.
struct ChannelRange {
  int64_t batch, group, first_channel, channels;
};

template <class Scalar>
struct BackwardTask {
  ChannelRange range;
  Scalar *grad_B, *grad_C;     // (d_state, length): this range's share
  Scalar* grad_A;              // (dim, d_state), this batch entry's share
  Scalar *grad_D, *grad_bias;  // (dim), this batch entry's share
  Scalar* workspace;           // backward_workspace() scalars, 64-byte aligned
};

template <class Scalar>
struct Kernels {
  int lanes;  // channels computed at once
  void (*forward)(const Shape&, const Inputs<Scalar>&, const ChannelRange&, Scalar* y);
  void (*backward)(const Shape&, const Inputs<Scalar>&, const Scalar* grad_y, const Gradients<Scalar>&,
                   const BackwardTask<Scalar>&);
  int64_t (*backward_workspace)(const Shape&, int64_t channels);  // in scalars
};

extern const Kernels<float> kPortableFloat;
extern const Kernels<double> kPortableDouble;
#ifdef HUNET_X86
extern const Kernels<float> kAvx2Float;
extern const Kernels<float> kAvx512Float;
#endif

}  // namespace mamba_hunet
