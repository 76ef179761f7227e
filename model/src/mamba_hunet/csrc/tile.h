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

// A matrix (channels, columns) as `columns` vectors, times `factor`; lanes without a channel are 0.
template <class S>
inline void load_columns(const typename S::Scalar* matrix, int64_t columns, int channels, typename S::Scalar factor,
                         typename S::Scalar* vectors) {
  if (channels < S::kLanes) std::memset(vectors, 0, sizeof(typename S::Vec) * columns);
  for (int c = 0; c < channels; ++c)
    for (int64_t i = 0; i < columns; ++i) vectors[i * S::kLanes + c] = factor * matrix[c * columns + i];
}

// A of one block of channels, times log2(e), so that exp(delta A) is a power of two: (d_state) vectors.
template <class S>
inline void load_log2_decay(const typename S::Scalar* A, int64_t d_state, int channels,
                            typename S::Scalar* log2_decay) {
  load_columns<S>(A, d_state, channels, typename S::Scalar(kLog2E), log2_decay);
}

}  // namespace
}  // namespace mamba_hunet
