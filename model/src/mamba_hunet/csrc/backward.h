// The backward pass. With g[t] the gradient of the loss with respect to the state x[t],
//
//   g[t]   = C[t] dy[t] + decay[t+1] g[t+1]            decay[t] = exp(delta[t] A)
//   dC[t]  = sum over channels of dy[t] x[t]           dB[t] = sum over channels of delta[t] u[t] g[t]
//   du[t]  = D dy[t] + delta[t] (B[t] . g[t])          dA    = sum over t of delta[t] decay[t] x[t-1] g[t]
//   ddelta[t] = u[t] (B[t] . g[t]) + A . (decay[t] x[t-1] g[t])
//
// A first sweep keeps the states before every tile only; going backwards, each tile recomputes the states within.
#pragma once

#include "forward.h"

namespace mamba_hunet {
namespace {

// Scratch of one range of channels, cut out of the task's workspace. One vector is kLanes scalars.
template <class S>
struct BackwardWorkspace {
  using Scalar = typename S::Scalar;

  static int64_t blocks(int64_t channels) { return (channels + S::kLanes - 1) / S::kLanes; }
  static int64_t tiles(const Shape& shape) { return (shape.length + kSteps - 1) / kSteps; }
  static int64_t size(const Shape& shape, int64_t channels) {
    const int64_t per_block = shape.d_state * S::kLanes;
    return blocks(channels) * ((tiles(shape) + 3) * per_block + 2 * S::kLanes) + 2 * kSteps * per_block;
  }

  BackwardWorkspace(const Shape& shape, int64_t channels, Scalar* memory) {
    const int64_t per_block = shape.d_state * S::kLanes, every_block = blocks(channels) * per_block;
    auto take = [&](int64_t count) { return (memory += count) - count; };
    log2_decay = take(every_block);
    grad_x = take(every_block);
    grad_A = take(every_block);
    grad_B = take(kSteps * per_block);
    grad_C = take(kSteps * per_block);
    grad_D = take(blocks(channels) * S::kLanes);
    grad_bias = take(blocks(channels) * S::kLanes);
    checkpoints = take(tiles(shape) * every_block);
  }

  Scalar* log2_decay;          // (blocks, d_state) vectors
  Scalar* grad_x;              // (blocks, d_state) vectors: decay[t] g[t] of the step after the tile
  Scalar* grad_A;              // (blocks, d_state) vectors, summed over the steps done
  Scalar *grad_B, *grad_C;     // (d_state, kSteps) vectors of one tile, summed over blocks, lanes not yet
  Scalar *grad_D, *grad_bias;  // (blocks) vectors
  Scalar* checkpoints;         // (blocks, tiles, d_state) vectors: states before each tile's first step
};

// The states before each tile, from front to back.
template <class S>
void keep_checkpoints(const Shape& shape, const Inputs<typename S::Scalar>& inputs, const Block<S>& block,
                      const typename S::Scalar* log2_decay, typename S::Scalar* checkpoints) {
  using Vec = typename S::Vec;
  const int d_state = int(shape.d_state);
  alignas(64) typename S::Scalar x[kMaxStates * S::kLanes] = {};
  Tile<S> u;
  StepSizes<S, false> step;
  for (int64_t start = 0; start < shape.length; start += kSteps) {
    std::memcpy(checkpoints, x, sizeof(Vec) * d_state);
    checkpoints += d_state * S::kLanes;
    if (start + kSteps >= shape.length) break;
    load_tile(u, inputs.u + block.rows + start, shape.length, block.channels, kSteps);
    step.load(inputs, block, start, kSteps, u);
    for_state_runs(d_state, [&](int n, auto count) {
      const int64_t at = n * S::kLanes;
      advance<S, count()>(step, kSteps, log2_decay + at, block.B + n * shape.length + start, shape.length, x + at,
                          [](int, const Vec*, const Vec*) {});
    });
  }
}

// A few states of one tile, first forwards from the checkpoint and then backwards.
template <class S, int kStates>
struct StateRun {
  using Scalar = typename S::Scalar;
  using Vec = typename S::Vec;

  const Scalar *checkpoint, *log2_decay;  // (kStates) vectors
  const Scalar *B, *C;                    // (kStates, length)
  int64_t length;
  Scalar *grad_x, *grad_A;  // (kStates) vectors
  Scalar *grad_B, *grad_C;  // (kStates, kSteps) vectors

  // Adds B . g to B_g and, with h[t] = decay[t] x[t-1] g[t], log2(e) A . h to log2_A_h.
  template <class Steps>
  void run(const Steps& step, const Tile<S>& grad_y, int steps, Tile<S>& B_g, Tile<S>& log2_A_h) const {
    alignas(64) Scalar x_last[kStates * S::kLanes];
    Vec x[kSteps + 1][kStates], decay[kSteps][kStates];
    for (int k = 0; k < kStates; ++k) x[0][k] = S::load(checkpoint + k * S::kLanes);
    std::memcpy(x_last, checkpoint, sizeof x_last);
    advance<S, kStates>(step, steps, log2_decay, B, length, x_last, [&](int t, const Vec* decays, const Vec* states) {
      for (int k = 0; k < kStates; ++k) {
        decay[t][k] = decays[k];
        x[t + 1][k] = states[k];
      }
    });

    Vec carried[kStates], sum_A[kStates], rate[kStates];
    for (int k = 0; k < kStates; ++k) {
      carried[k] = S::load(grad_x + k * S::kLanes);
      sum_A[k] = S::load(grad_A + k * S::kLanes);
      rate[k] = S::load(log2_decay + k * S::kLanes);
    }
    for (int t = steps - 1; t >= 0; --t) {
      Vec B_dot_g = B_g[t], A_dot_h = log2_A_h[t];
      for (int k = 0; k < kStates; ++k) {
        Scalar* at_B = grad_B + (k * kSteps + t) * S::kLanes;
        Scalar* at_C = grad_C + (k * kSteps + t) * S::kLanes;
        const Vec g = carried[k] + grad_y[t] * S::broadcast(C[k * length + t]);
        S::store(at_B, S::load(at_B) + step.delta_u[t] * g);
        S::store(at_C, S::load(at_C) + grad_y[t] * x[t + 1][k]);
        B_dot_g += g * S::broadcast(B[k * length + t]);
        carried[k] = g * decay[t][k];
        const Vec h = carried[k] * x[t][k];
        A_dot_h += h * rate[k];
        sum_A[k] += h * step.delta[t];
      }
      B_g.set(t, B_dot_g);
      log2_A_h.set(t, A_dot_h);
    }
    for (int k = 0; k < kStates; ++k) {
      S::store(grad_x + k * S::kLanes, carried[k]);
      S::store(grad_A + k * S::kLanes, sum_A[k]);
    }
  }
};

// One tile of one block: writes its part of du and ddelta, adds to the sums in the workspace.
template <class S>
void backward_tile(const Shape& shape, const Inputs<typename S::Scalar>& inputs, const typename S::Scalar* grad_y_in,
                   const Gradients<typename S::Scalar>& gradients, const Block<S>& block, int64_t block_index,
                   int64_t start, const BackwardWorkspace<S>& work) {
  using Vec = typename S::Vec;
  const int d_state = int(shape.d_state);
  const int steps = int(shape.length - start < kSteps ? shape.length - start : kSteps);
  const int64_t tiles = BackwardWorkspace<S>::tiles(shape), per_block = d_state * S::kLanes;

  Tile<S> u, grad_y, B_g = {}, log2_A_h = {};
  StepSizes<S, true> step;
  load_tile(u, inputs.u + block.rows + start, shape.length, block.channels, steps);
  load_tile(grad_y, grad_y_in + block.rows + start, shape.length, block.channels, steps);
  step.load(inputs, block, start, steps, u);

  for_state_runs(d_state, [&](int n, auto count) {
    const int64_t at = block_index * per_block + n * S::kLanes;
    const int64_t tile_at = (block_index * tiles + start / kSteps) * per_block + n * S::kLanes;
    StateRun<S, count()>{work.checkpoints + tile_at,
                         work.log2_decay + at,
                         block.B + n * shape.length + start,
                         block.C + n * shape.length + start,
                         shape.length,
                         work.grad_x + at,
                         work.grad_A + at,
                         work.grad_B + n * kSteps * S::kLanes,
                         work.grad_C + n * kSteps * S::kLanes}
        .run(step, grad_y, steps, B_g, log2_A_h);
  });

  const Vec natural = S::broadcast(typename S::Scalar(1 / kLog2E));
  Vec sum_D = S::load(work.grad_D + block_index * S::kLanes),
      sum_bias = S::load(work.grad_bias + block_index * S::kLanes);
  Tile<S> grad_u, grad_delta;
  for (int t = 0; t < steps; ++t) {
    grad_u.set(t, block.D * grad_y[t] + step.delta[t] * B_g[t]);
    const Vec through_delta = (u[t] * B_g[t] + natural * log2_A_h[t]) * step.slope[t];
    grad_delta.set(t, through_delta);
    sum_bias += through_delta;
    sum_D += grad_y[t] * u[t];
  }
  S::store(work.grad_D + block_index * S::kLanes, sum_D);
  S::store(work.grad_bias + block_index * S::kLanes, sum_bias);
  store_tile(grad_u, gradients.u + block.rows + start, shape.length, block.channels, steps);
  store_tile(grad_delta, gradients.delta + block.rows + start, shape.length, block.channels, steps);
}

// Adds up the lanes of (kSteps) vectors into (steps) numbers: transposed, they are added as whole vectors.
template <class S>
inline void sum_lanes(const typename S::Scalar* vectors, int steps, typename S::Scalar* sums) {
  for (int t = 0; t < steps; t += S::kLanes) {
    typename S::Vec square[S::kLanes], sum = S::broadcast(0);
    for (int i = 0; i < S::kLanes; ++i) square[i] = S::load(vectors + (t + i) * S::kLanes);
    S::transpose(square);
    for (int i = 0; i < S::kLanes; ++i) sum += square[i];
    for (int i = 0; i < S::kLanes && t + i < steps; ++i) sums[t + i] = sum[i];
  }
}

template <class S>
void backward(const Shape& shape, const Inputs<typename S::Scalar>& inputs, const typename S::Scalar* grad_y,
              const Gradients<typename S::Scalar>& gradients, const BackwardTask<typename S::Scalar>& task) {
  using Scalar = typename S::Scalar;
  using Workspace = BackwardWorkspace<S>;
  const int64_t d_state = shape.d_state, per_block = d_state * S::kLanes;
  const int64_t blocks = Workspace::blocks(task.range.channels);
  const Workspace work(shape, task.range.channels, task.workspace);
  std::memset(task.workspace, 0, sizeof(Scalar) * (work.checkpoints - task.workspace));

  for (int64_t i = 0; i < blocks; ++i) {
    const Block<S> block(shape, inputs, task.range, i * S::kLanes);
    load_log2_decay<S>(inputs.A + block.first_channel * d_state, int(d_state), block.channels,
                       work.log2_decay + i * per_block);
    keep_checkpoints<S>(shape, inputs, block, work.log2_decay + i * per_block,
                        work.checkpoints + i * Workspace::tiles(shape) * per_block);
  }

  for (int64_t tile = Workspace::tiles(shape) - 1; tile >= 0; --tile) {
    const int64_t start = tile * kSteps;
    const int steps = int(shape.length - start < kSteps ? shape.length - start : kSteps);
    std::memset(work.grad_B, 0, sizeof(Scalar) * kSteps * per_block);
    std::memset(work.grad_C, 0, sizeof(Scalar) * kSteps * per_block);
    for (int64_t i = 0; i < blocks; ++i)
      backward_tile<S>(shape, inputs, grad_y, gradients, Block<S>(shape, inputs, task.range, i * S::kLanes), i, start,
                       work);
    for (int64_t n = 0; n < d_state; ++n) {
      sum_lanes<S>(work.grad_B + n * kSteps * S::kLanes, steps, task.grad_B + n * shape.length + start);
      sum_lanes<S>(work.grad_C + n * kSteps * S::kLanes, steps, task.grad_C + n * shape.length + start);
    }
  }

  for (int64_t c = 0; c < task.range.channels; ++c) {
    const int64_t channel = task.range.first_channel + c, block = c / S::kLanes, lane = c % S::kLanes;
    for (int64_t n = 0; n < d_state; ++n)
      task.grad_A[channel * d_state + n] = work.grad_A[block * per_block + n * S::kLanes + lane];
    task.grad_D[channel] = work.grad_D[c];
    task.grad_bias[channel] = work.grad_bias[c];
  }
}

template <class S>
int64_t backward_workspace(const Shape& shape, int64_t channels) {
  return BackwardWorkspace<S>::size(shape, channels);
}

template <class S>
constexpr Kernels<typename S::Scalar> kernels() {
  return {S::kLanes, forward<S>, backward<S>, backward_workspace<S>};
}

}  // namespace
}  // namespace mamba_hunet
