// Tiles: a few steps of kLanes channels. One step of all the channels is one vector.
#pragma once

#include "kernels.h"
#include "vector_math.h"

namespace mamba_hunet {
namespace {

template <class S>
struct alignas(64) Tile {
  typename S::Scalar values[kSteps][S::kLanes];
  typename S::Vec operator[](int step) const { return S::load(values[step]); }
  void set(int step, typename S::Vec v) { S::store(values[step], v); }
};

// What the steps of a tile compute with. Tiles hold nothing of use from step `count` on.
template <class S>
struct Steps {
  using Scalar = typename S::Scalar;
  using Vec = typename S::Vec;

  int count;
  const Scalar* BC[kSteps];   // for each step d_state numbers of B and then d_state of C
  Tile<S> u, delta, delta_u;  // input; step size as it is used; their product
  Tile<S> slope;              // derivative of the step size by what it was before softplus

  // Turns delta, with its bias already in it, into what is used; fills delta_u and, if kWithSlope, slope.
  template <bool kWithSlope>
  void finish(bool softplus_delta) {
    constexpr int kRun = 4;
    static_assert(kSteps % kRun == 0);
    for (int t = 0; t < count; t += kRun) {
      Vec d[kRun], derivative[kRun];
      for (int i = 0; i < kRun; ++i) {
        d[i] = delta[t + i];
        derivative[i] = S::broadcast(1);
      }
      if (softplus_delta) softplus<S>(d, derivative);
      for (int i = 0; i < kRun; ++i) {
        delta.set(t + i, d[i]);
        delta_u.set(t + i, d[i] * u[t + i]);
        if constexpr (kWithSlope) slope.set(t + i, derivative[i]);
      }
    }
  }
};

// One value a channel; lanes without a channel, and all where the array is null, are 0.
template <class S>
inline typename S::Vec load_channels(const typename S::Scalar* values, int64_t stride, int channels) {
  typename S::Vec v = S::broadcast(0);
  if (values)
    for (int i = 0; i < channels; ++i) v[i] = values[i * stride];
  return v;
}

// A of one block of channels, times log2(e), so that exp(delta A) is a power of two: (d_state) vectors.
template <class S>
inline void load_log2_decay(const typename S::Scalar* A, int d_state, int channels, typename S::Scalar* log2_decay) {
  const typename S::Vec log2_e = S::broadcast(typename S::Scalar(kLog2E));
  for (int n = 0; n < d_state; ++n)
    S::store(log2_decay + n * S::kLanes, log2_e * load_channels<S>(A + n, d_state, channels));
}

}  // namespace
}  // namespace mamba_hunet
