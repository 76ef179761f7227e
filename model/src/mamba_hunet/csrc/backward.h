// The adjoint of one tile of one block of channels. With g[t] the gradient of the loss with respect to the state x[t],
//
//   g[t]   = C[t] dy[t] + decay[t+1] g[t+1]            decay[t] = exp(delta[t] A)
//   dC[t]  = sum over channels of dy[t] x[t]           dB[t] = sum over channels of delta[t] u[t] g[t]
//   du[t]  = D dy[t] + delta[t] (B[t] . g[t])          dA    = sum over t of delta[t] decay[t] x[t-1] g[t]
//   ddelta[t] = u[t] (B[t] . g[t]) + A . (decay[t] x[t-1] g[t])
//
// The states within the tile are recomputed from those before its first step.
#pragma once

#include "forward.h"

namespace mamba_hunet {
namespace {

// What goes from tile to tile of one block of channels while the scan runs backwards.
template <class S>
struct Carried {
  const typename S::Scalar* log2_decay;  // (d_state) vectors
  typename S::Scalar* grad_x;            // (d_state) vectors: decay[t] g[t] of the step after the tile
  typename S::Scalar* grad_A;            // (d_state) vectors, summed over the steps done
};

// Adds the sum over lanes of each step's vector to that step's number. Steps past the last have a vector of zeros.
template <class S, class Vectors>
inline void add_lane_sums(int steps, const Vectors& vector_of_step, typename S::Scalar* sums) {
  for (int start = 0; start < steps; start += S::kLanes) {
    typename S::Vec rows[S::kLanes];
    for (int i = 0; i < S::kLanes; ++i) rows[i] = vector_of_step(start + i);
    S::store(sums + start, S::load(sums + start) + S::sum_lanes(rows));
  }
}

// The n-th and the following kStates - 1 states, first forwards from x_before and then backwards. Adds to grad_BC
// (2 d_state, kSteps) and, with h[t] = decay[t] x[t-1] g[t], B . g to B_g and log2(e) A . h to log2_A_h.
template <class S, int kStates>
inline void adjoint_states(const Steps<S>& steps, const Tile<S>& grad_y, int d_state, int n,
                           const typename S::Scalar* x_before, const Carried<S>& carried, typename S::Scalar* grad_BC,
                           Tile<S>& B_g, Tile<S>& log2_A_h) {
  using Scalar = typename S::Scalar;
  using Vec = typename S::Vec;
  alignas(64) Scalar x_last[kMaxStates * S::kLanes];
  Vec x[kStates][kSteps + 1], decay[kStates][kSteps];
  for (int k = 0; k < kStates; ++k) {
    x[k][0] = S::load(x_before + (n + k) * S::kLanes);
    S::store(x_last + (n + k) * S::kLanes, x[k][0]);
    for (int t = steps.count; t < kSteps; ++t) x[k][t + 1] = decay[k][t] = S::broadcast(0);
  }
  advance<S, kStates>(steps, n, carried.log2_decay, x_last, [&](int t, const Vec* decays, const Vec* states) {
    for (int k = 0; k < kStates; ++k) {
      decay[k][t] = decays[k];
      x[k][t + 1] = states[k];
    }
  });

  Vec grad_x[kStates], sum_A[kStates], rate[kStates];
  for (int k = 0; k < kStates; ++k) {
    grad_x[k] = S::load(carried.grad_x + (n + k) * S::kLanes);
    sum_A[k] = S::load(carried.grad_A + (n + k) * S::kLanes);
    rate[k] = S::load(carried.log2_decay + (n + k) * S::kLanes);
  }
  for (int t = steps.count - 1; t >= 0; --t) {
    const Scalar *B = steps.BC[t] + n, *C = B + d_state;
    Vec B_dot_g = B_g[t], A_dot_h = log2_A_h[t];
    for (int k = 0; k < kStates; ++k) {
      const Vec g = grad_x[k] + grad_y[t] * S::broadcast(C[k]);
      B_dot_g += g * S::broadcast(B[k]);
      grad_x[k] = g * decay[k][t];
      decay[k][t] = g * steps.delta_u[t];  // no longer wanted: its place takes this step's share of dB
      const Vec h = grad_x[k] * x[k][t];
      A_dot_h += h * rate[k];
      sum_A[k] += h * steps.delta[t];
    }
    B_g.set(t, B_dot_g);
    log2_A_h.set(t, A_dot_h);
  }
  for (int k = 0; k < kStates; ++k) {
    S::store(carried.grad_x + (n + k) * S::kLanes, grad_x[k]);
    S::store(carried.grad_A + (n + k) * S::kLanes, sum_A[k]);
    add_lane_sums<S>(steps.count, [&](int t) { return decay[k][t]; }, grad_BC + (n + k) * kSteps);
    add_lane_sums<S>(steps.count, [&](int t) { return grad_y[t] * x[k][t + 1]; }, grad_BC + (d_state + n + k) * kSteps);
  }
}

// The sums over steps of one block of channels, of what is one number a channel.
template <class S>
struct ChannelSums {
  typename S::Vec D = S::broadcast(0), delta_bias = S::broadcast(0);
};

// One tile backwards, all its states. grad_y is 0 past the last step.
//   x_before: (d_state) vectors, the states before the first step
//   grad_BC: (2 d_state, kSteps), dB and then dC, added to
//   grad_u, grad_delta: written; of delta as it was before softplus, and 0 past the last step
template <class S>
inline void adjoint_tile(const Steps<S>& steps, const Tile<S>& grad_y, int d_state, typename S::Vec D,
                         const typename S::Scalar* x_before, const Carried<S>& carried, typename S::Scalar* grad_BC,
                         ChannelSums<S>& sums, Tile<S>& grad_u, Tile<S>& grad_delta) {
  using Vec = typename S::Vec;
  Tile<S> B_g, log2_A_h;
  for (int t = 0; t < steps.count; ++t) {
    B_g.set(t, S::broadcast(0));
    log2_A_h.set(t, S::broadcast(0));
  }
  for_state_runs(d_state, [&](int n, auto count) {
    adjoint_states<S, count()>(steps, grad_y, d_state, n, x_before, carried, grad_BC, B_g, log2_A_h);
  });

  const Vec natural = S::broadcast(typename S::Scalar(1 / kLog2E));
  for (int t = 0; t < steps.count; ++t) {
    grad_u.set(t, D * grad_y[t] + steps.delta[t] * B_g[t]);
    const Vec through_delta = (steps.u[t] * B_g[t] + natural * log2_A_h[t]) * steps.slope[t];
    grad_delta.set(t, through_delta);
    sums.delta_bias += through_delta;
    sums.D += grad_y[t] * steps.u[t];
  }
  for (int t = steps.count; t < kSteps; ++t) grad_delta.set(t, S::broadcast(0));
}

}  // namespace
}  // namespace mamba_hunet
