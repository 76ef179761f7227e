// The selective scan over images: pixels stay where they lie and are read in four orders, one block of channels at a
// time.
#pragma once

#include "backward.h"

namespace mamba_hunet {
namespace {

// kLanes numbers stored as bfloat16: the upper halves of floats. Loops over arrays, which compilers make vectors of.
template <class S>
struct Bfloat16 {
  using Vec = typename S::Vec;

  static Vec load(const uint16_t* from, int count) {
    uint16_t halves[S::kLanes] = {};
    uint32_t words[S::kLanes];
    std::memcpy(halves, from, count * sizeof(uint16_t));
    for (int i = 0; i < S::kLanes; ++i) words[i] = uint32_t(halves[i]) << 16;
    Vec v;
    std::memcpy(&v, words, sizeof v);
    return v;
  }

  // Rounds to the nearest, halfway cases to even; NaN stays NaN.
  static void store(uint16_t* to, Vec v, int count) {
    uint16_t halves[S::kLanes];
    uint32_t bits[S::kLanes];
    std::memcpy(bits, &v, sizeof v);
    for (int i = 0; i < S::kLanes; ++i) {
      const uint32_t nan = -uint32_t((bits[i] & 0x7fffffff) > 0x7f800000);  // all ones or none: no branch
      const uint32_t rounding = 0x7fff + (bits[i] >> 16 & 1);
      halves[i] = uint16_t(((bits[i] + (rounding & ~nan)) | (nan & 0x400000)) >> 16);
    }
    std::memcpy(to, halves, count * sizeof(uint16_t));
  }
};

// One block of channels of an image: every pixel one vector, unused lanes 0.
template <class S>
inline void gather(const Pixels& image, const ImageShape& shape, int64_t index, int64_t first_channel, int channels,
                   typename S::Scalar* block) {
  const int64_t first = index * shape.pixels() * shape.channels + first_channel;
  for (int64_t pixel = 0; pixel < shape.pixels(); ++pixel) {
    const int64_t at = first + pixel * shape.channels;
    if constexpr (kSingle<S>) {
      if (image.bfloat16) {
        S::store(block + pixel * S::kLanes, Bfloat16<S>::load(static_cast<const uint16_t*>(image.data) + at, channels));
        continue;
      }
    }
    S::store(block + pixel * S::kLanes, S::load(static_cast<const typename S::Scalar*>(image.data) + at, channels));
  }
}

// The way back.
template <class S>
inline void scatter(const typename S::Scalar* block, const ImageShape& shape, int64_t index, int64_t first_channel,
                    int channels, const Pixels& image) {
  const int64_t first = index * shape.pixels() * shape.channels + first_channel;
  for (int64_t pixel = 0; pixel < shape.pixels(); ++pixel) {
    const int64_t at = first + pixel * shape.channels;
    const typename S::Vec v = S::load(block + pixel * S::kLanes);
    if constexpr (kSingle<S>) {
      if (image.bfloat16) {
        Bfloat16<S>::store(static_cast<uint16_t*>(image.data) + at, v, channels);
        continue;
      }
    }
    S::store(static_cast<typename S::Scalar*>(image.data) + at, v, channels);
  }
}

// One block of channels of an image, read in one direction.
template <class S>
struct Reading {
  using Scalar = typename S::Scalar;
  using Vec = typename S::Vec;

  static int64_t workspace(const ImageShape& shape) { return (shape.dt_rank + shape.d_state) * S::kLanes; }

  Reading(const ImageShape& shape, const ImageInputs<Scalar>& inputs, const ImageTask& task, int direction,
          int64_t offset, Scalar* memory)
      : shape(shape),
        channels(int(task.channels - offset < S::kLanes ? task.channels - offset : S::kLanes)),
        first_channel(task.first_channel + offset),
        channel(direction * shape.channels + first_channel),
        backwards(direction >= 2),
        order(task.order[direction % 2]),
        projected(inputs.projected + (task.image * shape.pixels() * kDirections + direction) * shape.projected_size()),
        dt_weight(memory),
        log2_decay(memory + shape.dt_rank * S::kLanes),
        dt_bias(S::load(inputs.dt_bias + channel, channels)),
        D(S::load(inputs.D + channel, channels)),
        states_at(((task.image * shape.blocks() + first_channel / kStateLanes) * kDirections + direction) *
                      shape.tiles() * shape.d_state * kStateLanes +
                  first_channel % kStateLanes) {}

  // Fills dt_weight and log2_decay: once for a direction.
  void prepare(const ImageInputs<Scalar>& inputs) const {
    load_columns<S>(inputs.dt_weight + channel * shape.dt_rank, shape.dt_rank, channels, 1, dt_weight);
    load_log2_decay<S>(inputs.A + channel * shape.d_state, shape.d_state, channels, log2_decay);
  }

  // The tile that starts at step `start`: finds its pixels, and reads u from the block that gather() made.
  template <bool kWithSlope>
  void load(const Scalar* x_block, int64_t start, Steps<S>& steps, int64_t (&pixels)[kSteps]) const {
    const int64_t rest = shape.pixels() - start, pixel_stride = kDirections * shape.projected_size();
    steps.count = int(rest < kSteps ? rest : kSteps);
    for (int t = 0; t < kSteps; ++t) {
      const int64_t step = t < steps.count ? start + t : start;  // past the end anything that can be read
      pixels[t] = order[backwards ? shape.pixels() - 1 - step : step];
      steps.u.set(t, S::load(x_block + pixels[t] * S::kLanes));
      steps.BC[t] = projected + pixels[t] * pixel_stride + shape.dt_rank;
    }
    constexpr int kRun = 4;
    for (int t = 0; t < steps.count; t += kRun) {
      Vec delta[kRun];
      for (Vec& d : delta) d = dt_bias;
      for (int64_t r = 0; r < shape.dt_rank; ++r) {
        const Vec weight = S::load(dt_weight + r * S::kLanes);
        for (int i = 0; i < kRun; ++i) delta[i] += weight * S::broadcast(low_rank(steps, t + i)[r]);
      }
      for (int i = 0; i < kRun; ++i) steps.delta.set(t + i, delta[i]);
    }
    steps.template finish<kWithSlope>(true);
  }

  const Scalar* low_rank(const Steps<S>& steps, int t) const { return steps.BC[t] - shape.dt_rank; }
  int64_t states_before(int64_t tile, int64_t n) const { return states_at + (tile * shape.d_state + n) * kStateLanes; }

  const ImageShape& shape;
  int channels;
  int64_t first_channel, channel;  // within a direction's, and within those of all directions
  bool backwards;
  const int64_t* order;
  const Scalar* projected;  // of the image's first pixel in this direction
  Scalar* dt_weight;        // (dt_rank) vectors
  Scalar* log2_decay;       // (d_state) vectors
  Vec dt_bias, D;
  int64_t states_at;
};

template <class S>
int64_t forward_2d_workspace(const ImageShape& shape) {
  return 2 * shape.pixels() * S::kLanes + Reading<S>::workspace(shape);
}

template <class S>
void forward_2d(const ImageShape& shape, const ImageInputs<typename S::Scalar>& inputs,
                const ImageOutputs<typename S::Scalar>& outputs, const ImageTask& task, typename S::Scalar* workspace) {
  using Scalar = typename S::Scalar;
  Scalar *x_block = workspace, *y_block = x_block + shape.pixels() * S::kLanes;
  const int d_state = int(shape.d_state);
  gather<S>(inputs.x, shape, task.image, task.first_channel, int(task.channels), x_block);

  Steps<S> steps;
  Tile<S> y;
  int64_t pixels[kSteps];
  for (int direction = 0; direction < kDirections; ++direction) {
    const Reading<S> reading(shape, inputs, task, direction, 0, y_block + shape.pixels() * S::kLanes);
    reading.prepare(inputs);
    alignas(64) Scalar x[kMaxStates * S::kLanes] = {};
    for (int64_t tile = 0; tile < shape.tiles(); ++tile) {
      if (outputs.states)
        for (int n = 0; n < d_state; ++n)
          S::store(outputs.states + reading.states_before(tile, n), S::load(x + n * S::kLanes));
      reading.template load<false>(x_block, tile * kSteps, steps, pixels);
      for (int t = 0; t < steps.count; ++t) {
        typename S::Vec v = reading.D * steps.u[t];
        if (direction > 0) v += S::load(y_block + pixels[t] * S::kLanes);
        y.set(t, v);
      }
      scan_tile<S>(steps, d_state, reading.log2_decay, x, y);
      for (int t = 0; t < steps.count; ++t) S::store(y_block + pixels[t] * S::kLanes, y[t]);
    }
  }
  scatter<S>(y_block, shape, task.image, task.first_channel, int(task.channels), outputs.y);
}

}  // namespace
}  // namespace mamba_hunet
