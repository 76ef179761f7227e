// What each instruction set's translation unit offers the drivers. Plain functions and structs only: a standard library
// template instantiated under AVX flags could be picked by the linker for code that must run without AVX.
#pragma once

#include "selective_scan.h"
#include "selective_scan_2d.h"

namespace mamba_hunet {

// Channels whose shares of what all channels add to are summed within one backward task, at most. Fixed, so that the
// order of the sums is.
constexpr int64_t kChannelsPerTask = 64;

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

// A run of channels of one image, in all four directions.
struct ImageTask {
  int64_t image, first_channel, channels;
  const int64_t* order[2];  // (pixels) each: pixels as they are read along rows, and along columns
};

template <class Scalar>
struct ImageShares {    // what one task writes
  Scalar* projected;    // (pixels, 4, projected_size): of its image, this run of channels' share
  Scalar* dt_weight;    // (4, channels, dt_rank): of the whole image, as the following
  Scalar *dt_bias, *D;  // (4, channels)
  Scalar* A;            // (4, channels, d_state)
};

template <class Scalar>
struct Kernels {
  int lanes;  // channels computed at once

  // BC: (batch, groups, length, 2 d_state), for each step B and then C.
  void (*forward)(const Shape&, const Inputs<Scalar>&, const Scalar* BC, const ChannelRange&, Scalar* y);
  void (*backward)(const Shape&, const Inputs<Scalar>&, const Scalar* BC, const Scalar* grad_y,
                   const Gradients<Scalar>&, const BackwardTask<Scalar>&);
  int64_t (*backward_workspace)(const Shape&, int64_t channels);  // in scalars

  // Workspaces are 64-byte aligned. The forward task takes at most `lanes` channels.
  void (*forward_2d)(const ImageShape&, const ImageInputs<Scalar>&, const ImageOutputs<Scalar>&, const ImageTask&,
                     Scalar* workspace);
  int64_t (*forward_2d_workspace)(const ImageShape&);
  void (*backward_2d)(const ImageShape&, const ImageInputs<Scalar>&, const ImageAdjoint<Scalar>&, const ImageTask&,
                      const ImageShares<Scalar>&, Scalar* workspace);
  int64_t (*backward_2d_workspace)(const ImageShape&, int64_t channels);
};

extern const Kernels<float> kPortableFloat;
extern const Kernels<double> kPortableDouble;
#ifdef HUNET_X86
extern const Kernels<float> kAvx2Float;
extern const Kernels<float> kAvx512Float;
#endif

}  // namespace mamba_hunet
