// The selective scan over images in four directions, on plain pointers: nothing here knows of torch or Python.
//
// Each direction k reads the pixels of an image in an order of its own: along rows, along columns, and both backwards.
// A pixel's projection holds, for each direction, a low-rank step size and then B and C. For every channel,
//
//   delta[t] = softplus(dt_weight step[t] + dt_bias)
//   x[t]     = exp(delta[t] A) x[t-1] + delta[t] B[t] u[t]        x[-1] = 0
//   y[pixel] = sum over directions of C[t] . x[t] + D u[t]        t: when the direction reads the pixel
//
// All arrays are contiguous, last axis fastest.
#pragma once

#include "selective_scan.h"

namespace mamba_hunet {

constexpr int64_t kDirections = 4;
constexpr int64_t kStateLanes = 16;  // channels side by side in the kept states: as many as the widest vector has

struct ImageShape {
  int64_t batch, height, width, channels, dt_rank, d_state;
  int64_t pixels() const { return height * width; }
  int64_t projected_size() const { return dt_rank + 2 * d_state; }
  int64_t tiles() const { return (pixels() + kSteps - 1) / kSteps; }  // a direction
  int64_t blocks() const { return (channels + kStateLanes - 1) / kStateLanes; }
};

// (batch, height, width, channels) numbers: Scalar, or bfloat16.
struct Pixels {
  void* data;
  bool bfloat16;
};

template <class Scalar>
struct ImageInputs {
  Pixels x;                 // only read
  const Scalar* projected;  // (batch, height, width, 4, dt_rank + 2 d_state)
  const Scalar* dt_weight;  // (4, channels, dt_rank)
  const Scalar* dt_bias;    // (4, channels)
  const Scalar* A;          // (4, channels, d_state)
  const Scalar* D;          // (4, channels)
};

template <class Scalar>
struct ImageOutputs {
  Pixels y;
  Scalar* states;  // null, or (batch, blocks, 4, tiles, d_state, kStateLanes): those before each tile of kSteps steps
};

template <class Scalar>
struct ImageAdjoint {
  Pixels grad_y;  // only read
  const Scalar* states;
  Pixels grad_x;  // written
};

template <class Scalar>
struct ImageGradients {  // each of the shape of the input it belongs to
  Pixels x;
  Scalar *projected, *dt_weight, *dt_bias, *A, *D;
};

template <class Scalar>
void selective_scan_2d(const ImageShape&, const ImageInputs<Scalar>&, const ImageOutputs<Scalar>&, const ParallelFor&);

// Writes the gradients, given that of y and the states that the forward pass wrote. Every sum is taken in an order that
// depends on the shape alone.
template <class Scalar>
void selective_scan_2d_backward(const ImageShape&, const ImageInputs<Scalar>&, const Pixels& grad_y,
                                const Scalar* states, const ImageGradients<Scalar>&, const ParallelFor&);

}  // namespace mamba_hunet
