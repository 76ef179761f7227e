// The recurrence itself, and the forward pass around it.
#pragma once

#include "tile.h"

namespace mamba_hunet {
namespace {

constexpr int kTogether = 2;  // states advanced side by side: enough independent work to hide each other's latency

// A tile of step sizes: delta as it is used, times u, and (only if kWithSlope) its derivative by the raw delta.
template <class S, bool kWithSlope>
struct StepSizes {
  Tile<S> delta, delta_u, slope;

  void load(const Inputs<typename S::Scalar>& inputs, const Block<S>& block, int64_t start, int steps,
            const Tile<S>& u) {
    load_tile(delta, inputs.delta + block.rows + start, block.length, block.channels, steps);
    constexpr int kRun = 4;
    for (int t = 0; t < steps; t += kRun) {
      typename S::Vec d[kRun], derivative[kRun];
      for (int i = 0; i < kRun; ++i) {
        d[i] = delta[t + i] + block.delta_bias;
        derivative[i] = S::broadcast(1);
      }
      if (inputs.delta_softplus) softplus<S>(d, derivative);
      for (int i = 0; i < kRun; ++i) {
        delta.set(t + i, d[i]);
        delta_u.set(t + i, d[i] * u[t + i]);
        if constexpr (kWithSlope) slope.set(t + i, derivative[i]);
      }
    }
  }
};

// Advances kStates states of a block through a tile: x[t] = exp(delta[t] A) x[t-1] + (delta[t] u[t]) B[t].
//   log2_decay: A in units that make the exponential a power of two, one vector a state
//   B: (kStates, length) at the tile's first step
//   x: the states, one vector each, updated in place
//   visit(t, decay, x): called after each step with its kStates decays exp(delta[t] A) and new states
template <class S, int kStates, class Steps, class Visit>
inline void advance(const Steps& step, int steps, const typename S::Scalar* log2_decay, const typename S::Scalar* B,
                    int64_t length, typename S::Scalar* x, Visit visit) {
  using Vec = typename S::Vec;
  Vec state[kStates], rate[kStates];
  for (int k = 0; k < kStates; ++k) {
    state[k] = S::load(x + k * S::kLanes);
    rate[k] = S::load(log2_decay + k * S::kLanes);
  }
  for (int t = 0; t < steps; ++t) {
    Vec decay[kStates];
    for (int k = 0; k < kStates; ++k) decay[k] = step.delta[t] * rate[k];
    exp2<S>(decay);
    for (int k = 0; k < kStates; ++k)
      state[k] = decay[k] * state[k] + step.delta_u[t] * S::broadcast(B[k * length + t]);
    visit(t, decay, state);
  }
  for (int k = 0; k < kStates; ++k) S::store(x + k * S::kLanes, state[k]);
}

// Calls body(n, integral_constant<count>) over [0, d_state) in runs of kTogether states and single ones at the end.
template <class Body>
inline void for_state_runs(int d_state, Body body) {
  int n = 0;
  for (; n + kTogether <= d_state; n += kTogether) body(n, std::integral_constant<int, kTogether>{});
  for (; n < d_state; ++n) body(n, std::integral_constant<int, 1>{});
}

// A of each state and channel, times log2(e): (d_state, kLanes).
template <class S>
inline void load_log2_decay(const typename S::Scalar* A, int d_state, int channels, typename S::Scalar* log2_decay) {
  for (int n = 0; n < d_state; ++n)
    S::store(log2_decay + n * S::kLanes,
             load_channels<S>(A + n, d_state, channels) * S::broadcast(typename S::Scalar(kLog2E)));
}

template <class S>
void forward_block(const Shape& shape, const Inputs<typename S::Scalar>& inputs, const Block<S>& block,
                   typename S::Scalar* y_out) {
  using Scalar = typename S::Scalar;
  using Vec = typename S::Vec;
  const int d_state = int(shape.d_state);
  alignas(64) Scalar x[kMaxStates * S::kLanes] = {};
  alignas(64) Scalar log2_decay[kMaxStates * S::kLanes];
  load_log2_decay<S>(inputs.A + block.first_channel * d_state, d_state, block.channels, log2_decay);

  Tile<S> u, y;
  StepSizes<S, false> step;
  for (int64_t start = 0; start < shape.length; start += kSteps) {
    const int steps = int(shape.length - start < kSteps ? shape.length - start : kSteps);
    load_tile(u, inputs.u + block.rows + start, shape.length, block.channels, steps);
    step.load(inputs, block, start, steps, u);
    for (int t = 0; t < steps; ++t) y.set(t, block.D * u[t]);

    for_state_runs(d_state, [&](int n, auto count) {
      const Scalar *B = block.B + n * shape.length + start, *C = block.C + n * shape.length + start;
      const auto add_to_y = [&](int t, const Vec*, const Vec* state) {
        Vec sum = y[t];
        for (int k = 0; k < count(); ++k) sum += state[k] * S::broadcast(C[k * shape.length + t]);
        y.set(t, sum);
      };
      const int64_t at = n * S::kLanes;
      advance<S, count()>(step, steps, log2_decay + at, B, shape.length, x + at, add_to_y);
    });
    store_tile(y, y_out + block.rows + start, shape.length, block.channels, steps);
  }
}

template <class S>
void forward(const Shape& shape, const Inputs<typename S::Scalar>& inputs, const ChannelRange& range,
             typename S::Scalar* y) {
  for (int64_t offset = 0; offset < range.channels; offset += S::kLanes)
    forward_block<S>(shape, inputs, Block<S>(shape, inputs, range, offset), y);
}

}  // namespace
}  // namespace mamba_hunet
