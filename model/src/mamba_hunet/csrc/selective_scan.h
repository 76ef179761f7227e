// The selective scan on plain pointers: nothing here knows of torch or Python.
//
//   x[t] = exp(delta[t] A) x[t-1] + delta[t] B[t] u[t]        x[-1] = 0
//   y[t] = C[t] . x[t] + D u[t]
//
// for every batch entry and channel, with a state x of d_state numbers. All arrays are contiguous, last axis fastest.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mamba_hunet {

constexpr int64_t kMaxStates = 64;
constexpr int kSteps = 32;  // steps in a tile, and between two states that are kept for the backward pass

struct Shape {
  int64_t batch, dim, length, groups, d_state;
  int64_t channels_per_group() const { return dim / groups; }
};

template <class Scalar>
struct Inputs {
  const Scalar* u;           // (batch, dim, length)
  const Scalar* delta;       // (batch, dim, length)
  const Scalar* A;           // (dim, d_state)
  const Scalar* B;           // (batch, groups, d_state, length)
  const Scalar* C;           // (batch, groups, d_state, length)
  const Scalar* D;           // (dim), or null: no skip term
  const Scalar* delta_bias;  // (dim), or null
  bool delta_softplus;       // delta <- softplus(delta + delta_bias), otherwise delta <- delta + delta_bias
};

template <class Scalar>
struct Gradients {  // each of the shape of the input it belongs to; D and delta_bias null where the input is
  Scalar *u, *delta, *A, *B, *C, *D, *delta_bias;
};

// Calls its second argument on ranges [begin, end) that together cover [0, count), on as many threads as the caller
// owns.
using ParallelFor = std::function<void(int64_t count, const std::function<void(int64_t begin, int64_t end)>&)>;

// Writes y (batch, dim, length).
template <class Scalar>
void selective_scan(const Shape&, const Inputs<Scalar>&, Scalar* y, const ParallelFor&);

// Writes the gradients, given that of y. The states are recomputed from checkpoints, and every sum is taken in an order
// that depends on the shape alone: neither the number of threads nor their timing changes a bit of the result.
template <class Scalar>
void selective_scan_backward(const Shape&, const Inputs<Scalar>&, const Scalar* grad_y, const Gradients<Scalar>&,
                             const ParallelFor&);

// Instruction sets this build and this CPU both know, best first; the last is always "portable".
std::vector<std::string> available_isas();

}  // namespace mamba_hunet
