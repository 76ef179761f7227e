// The recurrence itself, over one tile of one block of channels.
#pragma once

#include "tile.h"

namespace mamba_hunet {
namespace {

// States advanced side by side: enough independent work to hide each other's latency, few enough for the registers.
constexpr int kTogether = 4;

// Advances kStates states, the n-th and after, through a tile: x[t] = exp(delta[t] A) x[t-1] + (delta[t] u[t]) B[t].
//   log2_decay, x: (d_state) vectors; x is updated in place
//   visit(t, decay, x): called after each step with its kStates decays exp(delta[t] A) and new states
template <class S, int kStates, class Visit>
inline void advance(const Steps<S>& steps, int n, const typename S::Scalar* log2_decay, typename S::Scalar* x,
                    Visit visit) {
  using Vec = typename S::Vec;
  Vec state[kStates], rate[kStates];
  for (int k = 0; k < kStates; ++k) {
    state[k] = S::load(x + (n + k) * S::kLanes);
    rate[k] = S::load(log2_decay + (n + k) * S::kLanes);
  }
  for (int t = 0; t < steps.count; ++t) {
    const typename S::Scalar* B = steps.BC[t] + n;
    Vec decay[kStates];
    for (int k = 0; k < kStates; ++k) decay[k] = steps.delta[t] * rate[k];
    exp2<S>(decay);
    for (int k = 0; k < kStates; ++k) state[k] = decay[k] * state[k] + steps.delta_u[t] * S::broadcast(B[k]);
    visit(t, decay, state);
  }
  for (int k = 0; k < kStates; ++k) S::store(x + (n + k) * S::kLanes, state[k]);
}

// Calls body(n, integral_constant<count>) over [0, d_state) in runs of kTogether states and single ones at the end.
template <class Body>
inline void for_state_runs(int d_state, Body body) {
  int n = 0;
  for (; n + kTogether <= d_state; n += kTogether) body(n, std::integral_constant<int, kTogether>{});
  for (; n < d_state; ++n) body(n, std::integral_constant<int, 1>{});
}

// One tile of the forward pass: advances all the states and adds C . x to y.
template <class S>
inline void scan_tile(const Steps<S>& steps, int d_state, const typename S::Scalar* log2_decay, typename S::Scalar* x,
                      Tile<S>& y) {
  using Vec = typename S::Vec;
  for_state_runs(d_state, [&](int n, auto count) {
    advance<S, count()>(steps, n, log2_decay, x, [&](int t, const Vec*, const Vec* state) {
      const typename S::Scalar* C = steps.BC[t] + d_state + n;
      Vec sum = y[t];
      for (int k = 0; k < count(); ++k) sum += state[k] * S::broadcast(C[k]);
      y.set(t, sum);
    });
  });
}

}  // namespace
}  // namespace mamba_hunet
