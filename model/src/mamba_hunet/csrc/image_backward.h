// The adjoint of the selective scan over images.
#pragma once

#include "image.h"

namespace mamba_hunet {
namespace {

// Scratch of one run of channels. One vector is kLanes scalars; a block is kLanes channels.
template <class S>
struct ImageBackwardWorkspace {
  using Scalar = typename S::Scalar;

  static int64_t blocks(int64_t channels) { return (channels + S::kLanes - 1) / S::kLanes; }
  static int64_t size(const ImageShape& shape, int64_t channels) {
    const int64_t a_block =
        (2 * shape.d_state + shape.dt_rank) * S::kLanes + Reading<S>::workspace(shape) + 3 * shape.pixels() * S::kLanes;
    return blocks(channels) * a_block + shape.projected_size() * kSteps;
  }

  ImageBackwardWorkspace(const ImageShape& shape, int64_t channels, Scalar* memory) {
    const int64_t count = blocks(channels);
    auto take = [&](int64_t scalars) { return (memory += scalars) - scalars; };
    carried_x = take(count * shape.d_state * S::kLanes);
    sum_A = take(count * shape.d_state * S::kLanes);
    sum_dt_weight = take(count * shape.dt_rank * S::kLanes);
    grad_projected = take(shape.projected_size() * kSteps);
    readings = take(count * Reading<S>::workspace(shape));
    x = take(count * shape.pixels() * S::kLanes);
    grad_y = take(count * shape.pixels() * S::kLanes);
    grad_x = take(count * shape.pixels() * S::kLanes);
  }

  Scalar* carried_x;            // (blocks, d_state) vectors
  Scalar* sum_A;                // (blocks, d_state) vectors
  Scalar* sum_dt_weight;        // (blocks, dt_rank) vectors
  Scalar* grad_projected;       // (projected_size, kSteps): of one tile, summed over blocks
  Scalar* readings;             // (blocks): what each Reading keeps
  Scalar *x, *grad_y, *grad_x;  // (blocks, pixels) vectors
};

// Passes the gradient of the step sizes of one tile on to the low-rank steps and their weight: two products of
// matrices.
template <class S>
inline void adjoint_low_rank(const Reading<S>& reading, const Steps<S>& steps, const Tile<S>& grad_delta,
                             typename S::Scalar* grad_projected, typename S::Scalar* sum_dt_weight) {
  using Vec = typename S::Vec;
  for (int start = 0; start < steps.count; start += S::kLanes) {
    Vec by_channel[S::kLanes];
    for (int i = 0; i < S::kLanes; ++i) by_channel[i] = grad_delta[start + i];
    S::transpose(by_channel);  // now the steps are the lanes
    for (int64_t r = 0; r < reading.shape.dt_rank; ++r) {
      typename S::Scalar* to = grad_projected + r * kSteps + start;
      Vec sum = S::load(to);
      for (int i = 0; i < S::kLanes; ++i) sum += by_channel[i] * S::broadcast(reading.dt_weight[r * S::kLanes + i]);
      S::store(to, sum);
    }
  }
  for (int64_t r = 0; r < reading.shape.dt_rank; ++r) {
    Vec sum = S::load(sum_dt_weight + r * S::kLanes);
    for (int t = 0; t < steps.count; ++t) sum += grad_delta[t] * S::broadcast(reading.low_rank(steps, t)[r]);
    S::store(sum_dt_weight + r * S::kLanes, sum);
  }
}

// What a direction has summed over all its steps, one number a channel (and state, or rank).
template <class S>
inline void store_sums(const Reading<S>& reading, const ChannelSums<S>& sums, const typename S::Scalar* sum_A,
                       const typename S::Scalar* sum_dt_weight, const ImageShares<typename S::Scalar>& shares) {
  const int64_t d_state = reading.shape.d_state, dt_rank = reading.shape.dt_rank;
  S::store(shares.D + reading.channel, sums.D, reading.channels);
  S::store(shares.dt_bias + reading.channel, sums.delta_bias, reading.channels);
  for (int lane = 0; lane < reading.channels; ++lane) {
    for (int64_t n = 0; n < d_state; ++n)
      shares.A[(reading.channel + lane) * d_state + n] = sum_A[n * S::kLanes + lane];
    for (int64_t r = 0; r < dt_rank; ++r)
      shares.dt_weight[(reading.channel + lane) * dt_rank + r] = sum_dt_weight[r * S::kLanes + lane];
  }
}

// One tile of one block: adds to what the workspace sums.
template <class S>
inline void adjoint_image_tile(const Reading<S>& reading, const ImageBackwardWorkspace<S>& work, int64_t block,
                               int64_t tile, const typename S::Scalar* states, bool first_direction,
                               ChannelSums<S>& sums, int64_t (&pixels)[kSteps]) {
  using Scalar = typename S::Scalar;
  const ImageShape& shape = reading.shape;
  const int64_t per_state = block * shape.d_state * S::kLanes, per_pixel = block * shape.pixels() * S::kLanes;
  alignas(64) Scalar x_before[kMaxStates * S::kLanes];
  for (int64_t n = 0; n < shape.d_state; ++n)
    S::store(x_before + n * S::kLanes, S::load(states + reading.states_before(tile, n)));

  Steps<S> steps;
  Tile<S> grad_y, grad_u, grad_delta;
  reading.template load<true>(work.x + per_pixel, tile * kSteps, steps, pixels);
  for (int t = 0; t < steps.count; ++t) grad_y.set(t, S::load(work.grad_y + per_pixel + pixels[t] * S::kLanes));
  for (int t = steps.count; t < kSteps; ++t) grad_y.set(t, S::broadcast(0));
  adjoint_tile<S>(steps, grad_y, int(shape.d_state), reading.D, x_before,
                  {reading.log2_decay, work.carried_x + per_state, work.sum_A + per_state},
                  work.grad_projected + shape.dt_rank * kSteps, sums, grad_u, grad_delta);
  adjoint_low_rank(reading, steps, grad_delta, work.grad_projected,
                   work.sum_dt_weight + block * shape.dt_rank * S::kLanes);
  for (int t = 0; t < steps.count; ++t) {
    Scalar* at = work.grad_x + per_pixel + pixels[t] * S::kLanes;
    S::store(at, first_direction ? grad_u[t] : S::load(at) + grad_u[t]);
  }
}

template <class S>
int64_t backward_2d_workspace(const ImageShape& shape, int64_t channels) {
  return ImageBackwardWorkspace<S>::size(shape, channels);
}

template <class S>
void backward_2d(const ImageShape& shape, const ImageInputs<typename S::Scalar>& inputs,
                 const ImageAdjoint<typename S::Scalar>& adjoint, const ImageTask& task,
                 const ImageShares<typename S::Scalar>& shares, typename S::Scalar* workspace) {
  using Scalar = typename S::Scalar;
  using Workspace = ImageBackwardWorkspace<S>;
  const Workspace work(shape, task.channels, workspace);
  const int64_t blocks = Workspace::blocks(task.channels), size = shape.projected_size();
  const int64_t block_size = shape.pixels() * S::kLanes;
  const auto channels = [&](int64_t block) {
    const int64_t rest = task.channels - block * S::kLanes;
    return int(rest < S::kLanes ? rest : S::kLanes);
  };
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t first_channel = task.first_channel + i * S::kLanes;
    gather<S>(inputs.x, shape, task.image, first_channel, channels(i), work.x + i * block_size);
    gather<S>(adjoint.grad_y, shape, task.image, first_channel, channels(i), work.grad_y + i * block_size);
  }

  for (int direction = 0; direction < kDirections; ++direction) {
    const auto reading = [&](int64_t block) {
      return Reading<S>(shape, inputs, task, direction, block * S::kLanes,
                        work.readings + block * Reading<S>::workspace(shape));
    };
    std::memset(work.carried_x, 0, sizeof(Scalar) * (work.grad_projected - work.carried_x));  // and the other sums
    for (int64_t i = 0; i < blocks; ++i) reading(i).prepare(inputs);
    ChannelSums<S> sums[kChannelsPerTask / S::kLanes];
    for (int64_t tile = shape.tiles() - 1; tile >= 0; --tile) {
      int64_t pixels[kSteps];
      std::memset(work.grad_projected, 0, sizeof(Scalar) * size * kSteps);
      for (int64_t i = 0; i < blocks; ++i)
        adjoint_image_tile<S>(reading(i), work, i, tile, adjoint.states, direction == 0, sums[i], pixels);
      const int64_t steps = shape.pixels() - tile * kSteps < kSteps ? shape.pixels() - tile * kSteps : kSteps;
      for (int64_t t = 0; t < steps; ++t) {
        Scalar* to = shares.projected + (pixels[t] * kDirections + direction) * size;
        for (int64_t i = 0; i < size; ++i) to[i] = work.grad_projected[i * kSteps + t];
      }
    }
    for (int64_t i = 0; i < blocks; ++i)
      store_sums(reading(i), sums[i], work.sum_A + i * shape.d_state * S::kLanes,
                 work.sum_dt_weight + i * shape.dt_rank * S::kLanes, shares);
  }
  for (int64_t i = 0; i < blocks; ++i)
    scatter<S>(work.grad_x + i * block_size, shape, task.image, task.first_channel + i * S::kLanes, channels(i),
               adjoint.grad_x);
}

}  // namespace
}  // namespace mamba_hunet
