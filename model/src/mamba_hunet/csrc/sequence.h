// The selective scan over sequences: rows of (batch, dim, length), tile by tile through the recurrence.
#pragma once

#include "backward.h"

namespace mamba_hunet {
namespace {

// Reads steps [0, steps) of `channels` rows that lie `stride` apart; lanes without a channel and later steps are 0.
template <class S>
inline void load_tile(Tile<S>& tile, const typename S::Scalar* rows, int64_t stride, int channels, int steps) {
  int t = 0;
  if (channels == S::kLanes) {
    for (; t + S::kLanes <= steps; t += S::kLanes) {
      typename S::Vec square[S::kLanes];
      for (int i = 0; i < S::kLanes; ++i) square[i] = S::load(rows + i * stride + t);
      S::transpose(square);
      for (int i = 0; i < S::kLanes; ++i) tile.set(t + i, square[i]);
    }
  }
  for (; t < kSteps; ++t)
    for (int i = 0; i < S::kLanes; ++i) tile.values[t][i] = t < steps && i < channels ? rows[i * stride + t] : 0;
}

// The way back. Lanes without a channel are dropped.
template <class S>
inline void store_tile(const Tile<S>& tile, typename S::Scalar* rows, int64_t stride, int channels, int steps) {
  int t = 0;
  if (channels == S::kLanes) {
    for (; t + S::kLanes <= steps; t += S::kLanes) {
      typename S::Vec square[S::kLanes];
      for (int i = 0; i < S::kLanes; ++i) square[i] = tile[t + i];
      S::transpose(square);
      for (int i = 0; i < S::kLanes; ++i) S::store(rows + i * stride + t, square[i]);
    }
  }
  for (; t < steps; ++t)
    for (int i = 0; i < channels; ++i) rows[i * stride + t] = tile.values[t][i];
}

// Up to kLanes neighbouring channels of one batch entry and group: what the vector code works on at a time.
template <class S>
struct Sequences {
  using Scalar = typename S::Scalar;
  using Vec = typename S::Vec;

  Sequences(const Shape& shape, const Inputs<Scalar>& inputs, const Scalar* BC, const ChannelRange& range,
            int64_t offset)
      : shape(shape),
        inputs(inputs),
        channels(int(range.channels - offset < S::kLanes ? range.channels - offset : S::kLanes)),
        first_channel(range.first_channel + offset),
        rows((range.batch * shape.dim + first_channel) * shape.length),
        BC(BC + (range.batch * shape.groups + range.group) * shape.length * 2 * shape.d_state),
        delta_bias(channel_values(inputs.delta_bias)),
        D(channel_values(inputs.D)) {}

  // One value a channel, or 0 where there are none.
  Vec channel_values(const Scalar* values) const {
    return values ? S::load(values + first_channel, channels) : S::broadcast(0);
  }

  int steps_from(int64_t start) const { return int(shape.length - start < kSteps ? shape.length - start : kSteps); }

  template <bool kWithSlope>
  void load(Steps<S>& steps, int64_t start) const {
    steps.count = steps_from(start);
    load_tile(steps.u, inputs.u + rows + start, shape.length, channels, steps.count);
    load_tile(steps.delta, inputs.delta + rows + start, shape.length, channels, steps.count);
    for (int t = 0; t < kSteps; ++t) steps.delta.set(t, steps.delta[t] + delta_bias);
    for (int t = 0; t < steps.count; ++t) steps.BC[t] = BC + (start + t) * 2 * shape.d_state;
    steps.template finish<kWithSlope>(inputs.delta_softplus);
  }

  const Shape& shape;
  const Inputs<Scalar>& inputs;
  int channels;
  int64_t first_channel;
  int64_t rows;      // where the first channel starts in u, delta and y
  const Scalar* BC;  // (length, 2 d_state)
  Vec delta_bias, D;
};

template <class S>
void forward(const Shape& shape, const Inputs<typename S::Scalar>& inputs, const typename S::Scalar* BC,
             const ChannelRange& range, typename S::Scalar* y_out) {
  const int d_state = int(shape.d_state);
  for (int64_t offset = 0; offset < range.channels; offset += S::kLanes) {
    const Sequences<S> block(shape, inputs, BC, range, offset);
    alignas(64) typename S::Scalar x[kMaxStates * S::kLanes] = {}, log2_decay[kMaxStates * S::kLanes];
    load_log2_decay<S>(inputs.A + block.first_channel * d_state, d_state, block.channels, log2_decay);
    Steps<S> steps;
    Tile<S> y;
    for (int64_t start = 0; start < shape.length; start += kSteps) {
      block.template load<false>(steps, start);
      for (int t = 0; t < steps.count; ++t) y.set(t, block.D * steps.u[t]);
      scan_tile<S>(steps, d_state, log2_decay, x, y);
      store_tile(y, y_out + block.rows + start, shape.length, block.channels, steps.count);
    }
  }
}

// Scratch of one range of channels, cut out of the task's workspace. One vector is kLanes scalars.
template <class S>
struct BackwardWorkspace {
  using Scalar = typename S::Scalar;

  static int64_t blocks(int64_t channels) { return (channels + S::kLanes - 1) / S::kLanes; }
  static int64_t tiles(const Shape& shape) { return (shape.length + kSteps - 1) / kSteps; }
  static int64_t size(const Shape& shape, int64_t channels) {
    const int64_t per_block = shape.d_state * S::kLanes;
    return blocks(channels) * (tiles(shape) + 3) * per_block;
  }

  BackwardWorkspace(const Shape& shape, int64_t channels, Scalar* memory) {
    const int64_t per_block = shape.d_state * S::kLanes, every_block = blocks(channels) * per_block;
    auto take = [&](int64_t count) { return (memory += count) - count; };
    grad_x = take(every_block);
    grad_A = take(every_block);
    log2_decay = take(every_block);
    checkpoints = take(tiles(shape) * every_block);
  }

  Scalar* grad_x;       // (blocks, d_state) vectors
  Scalar* grad_A;       // (blocks, d_state) vectors
  Scalar* log2_decay;   // (blocks, d_state) vectors
  Scalar* checkpoints;  // (blocks, tiles, d_state) vectors: states before each tile's first step
};

// The states before each tile, from front to back.
template <class S>
void keep_checkpoints(const Sequences<S>& block, const typename S::Scalar* log2_decay,
                      typename S::Scalar* checkpoints) {
  const int d_state = int(block.shape.d_state);
  alignas(64) typename S::Scalar x[kMaxStates * S::kLanes] = {};
  Steps<S> steps;
  for (int64_t start = 0; start < block.shape.length; start += kSteps) {
    std::memcpy(checkpoints, x, sizeof(typename S::Vec) * d_state);
    checkpoints += d_state * S::kLanes;
    if (start + kSteps >= block.shape.length) break;
    block.template load<false>(steps, start);
    for_state_runs(d_state, [&](int n, auto count) {
      advance<S, count()>(steps, n, log2_decay, x, [](int, const typename S::Vec*, const typename S::Vec*) {});
    });
  }
}

template <class S>
void backward(const Shape& shape, const Inputs<typename S::Scalar>& inputs, const typename S::Scalar* BC,
              const typename S::Scalar* grad_y_in, const Gradients<typename S::Scalar>& gradients,
              const BackwardTask<typename S::Scalar>& task) {
  using Scalar = typename S::Scalar;
  using Workspace = BackwardWorkspace<S>;
  const int64_t d_state = shape.d_state, per_block = d_state * S::kLanes, tiles = Workspace::tiles(shape);
  const int64_t blocks = Workspace::blocks(task.range.channels);
  const Workspace work(shape, task.range.channels, task.workspace);
  std::memset(work.grad_x, 0, sizeof(Scalar) * (work.log2_decay - work.grad_x));  // and grad_A
  ChannelSums<S> sums[kChannelsPerTask / S::kLanes];

  for (int64_t i = 0; i < blocks; ++i) {
    const Sequences<S> block(shape, inputs, BC, task.range, i * S::kLanes);
    load_log2_decay<S>(inputs.A + block.first_channel * d_state, d_state, block.channels,
                       work.log2_decay + i * per_block);
    keep_checkpoints<S>(block, work.log2_decay + i * per_block, work.checkpoints + i * tiles * per_block);
  }

  Steps<S> steps;
  Tile<S> grad_y, grad_u, grad_delta;
  alignas(64) Scalar grad_BC[2 * kMaxStates * kSteps];  // of one tile, summed over blocks
  for (int64_t tile = tiles - 1; tile >= 0; --tile) {
    const int64_t start = tile * kSteps;
    std::memset(grad_BC, 0, sizeof(Scalar) * 2 * d_state * kSteps);
    for (int64_t i = 0; i < blocks; ++i) {
      const Sequences<S> block(shape, inputs, BC, task.range, i * S::kLanes);
      block.template load<true>(steps, start);
      load_tile(grad_y, grad_y_in + block.rows + start, shape.length, block.channels, steps.count);
      const int64_t at = i * per_block;
      adjoint_tile<S>(steps, grad_y, int(d_state), block.D, work.checkpoints + (i * tiles + tile) * per_block,
                      {work.log2_decay + at, work.grad_x + at, work.grad_A + at}, grad_BC, sums[i], grad_u, grad_delta);
      store_tile(grad_u, gradients.u + block.rows + start, shape.length, block.channels, steps.count);
      store_tile(grad_delta, gradients.delta + block.rows + start, shape.length, block.channels, steps.count);
    }
    for (int64_t n = 0; n < d_state; ++n) {
      const size_t size = sizeof(Scalar) * steps.count;
      std::memcpy(task.grad_B + n * shape.length + start, grad_BC + n * kSteps, size);
      std::memcpy(task.grad_C + n * shape.length + start, grad_BC + (d_state + n) * kSteps, size);
    }
  }

  for (int64_t c = 0; c < task.range.channels; ++c) {
    const int64_t channel = task.range.first_channel + c, block = c / S::kLanes, lane = c % S::kLanes;
    for (int64_t n = 0; n < d_state; ++n)
      task.grad_A[channel * d_state + n] = work.grad_A[block * per_block + n * S::kLanes + lane];
    task.grad_D[channel] = sums[block].D[lane];
    task.grad_bias[channel] = sums[block].delta_bias[lane];
  }
}

template <class S>
int64_t backward_workspace(const Shape& shape, int64_t channels) {
  return BackwardWorkspace<S>::size(shape, channels);
}

}  // namespace
}  // namespace mamba_hunet
