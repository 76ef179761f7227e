// Tiles: a few steps of kLanes channels, transposed so that one step of all the channels is one vector.
#pragma once

#include "kernels.h"
#include "vector_math.h"

namespace mamba_hunet {
namespace {

constexpr int kSteps = 64;  // steps in a tile, and between two checkpoints of the backward pass

template <class S>
struct alignas(64) Tile {
  typename S::Scalar values[kSteps][S::kLanes];
  typename S::Vec operator[](int step) const { return S::load(values[step]); }
  void set(int step, typename S::Vec v) { S::store(values[step], v); }
};

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

// One value a channel, or 0 where the array is null or the lane has no channel.
template <class S>
inline typename S::Vec load_channels(const typename S::Scalar* values, int64_t stride, int channels) {
  typename S::Vec v = S::broadcast(0);
  if (values)
    for (int i = 0; i < channels; ++i) v[i] = values[i * stride];
  return v;
}

// Up to kLanes neighbouring channels of one batch entry and group: what the vector code works on at a time.
template <class S>
struct Block {
  using Scalar = typename S::Scalar;
  using Vec = typename S::Vec;

  Block(const Shape& shape, const Inputs<Scalar>& inputs, const ChannelRange& range, int64_t offset)
      : channels(int(range.channels - offset < S::kLanes ? range.channels - offset : S::kLanes)),
        length(shape.length),
        first_channel(range.first_channel + offset),
        rows((range.batch * shape.dim + first_channel) * shape.length),
        B(inputs.B + (range.batch * shape.groups + range.group) * shape.d_state * shape.length),
        C(inputs.C + (range.batch * shape.groups + range.group) * shape.d_state * shape.length),
        delta_bias(load_channels<S>(inputs.delta_bias ? inputs.delta_bias + first_channel : nullptr, 1, channels)),
        D(load_channels<S>(inputs.D ? inputs.D + first_channel : nullptr, 1, channels)) {}

  int channels;
  int64_t length, first_channel;
  int64_t rows;         // where the first channel starts in u, delta and y
  const Scalar *B, *C;  // (d_state, length)
  Vec delta_bias, D;
};

}  // namespace
}  // namespace mamba_hunet
