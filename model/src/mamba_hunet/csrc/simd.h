// kLanes numbers side by side, on the compilers' own vector type (GCC 12 or newer, Clang): the file's flags decide which
// instructions it becomes. Everything lies in an unnamed namespace, so that translation units built for different
// instruction sets never share a function.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace mamba_hunet {
namespace {

template <class Number, int kCount>
struct Simd {
  using Scalar = Number;
  static constexpr int kLanes = kCount;
  typedef Scalar Vec __attribute__((vector_size(sizeof(Scalar) * kLanes)));

  static Vec load(const Scalar* from) {
    Vec v;
    std::memcpy(&v, from, sizeof v);
    return v;
  }
  static void store(Scalar* to, Vec v) { std::memcpy(to, &v, sizeof v); }
  static Vec broadcast(Scalar s) { return broadcast(s, std::make_integer_sequence<int, kLanes>{}); }

  // Where v is NaN the result is NaN.
  static Vec clamp(Vec v, Scalar low, Scalar high) {
    const Vec lo = broadcast(low), hi = broadcast(high);
    v = lo > v ? lo : v;
    return hi < v ? hi : v;
  }

  // Transposes a square of kLanes vectors: log2(kLanes) rounds of a perfect shuffle of the upper half into the lower.
  static void transpose(Vec (&rows)[kLanes]) { shuffle_rounds(rows, std::make_integer_sequence<int, kLanes>{}); }

 private:
  template <int... kLane>
  static Vec broadcast(Scalar s, std::integer_sequence<int, kLane...>) {
    return Vec{((void)kLane, s)...};
  }
  template <int... kLane>
  static void shuffle_rounds(Vec (&rows)[kLanes], std::integer_sequence<int, kLane...>) {
    for (int round = 1; round < kLanes; round *= 2) {
      Vec shuffled[kLanes];
      for (int i = 0; i < kLanes / 2; ++i) {
        const Vec a = rows[i], b = rows[i + kLanes / 2];
        shuffled[2 * i] = __builtin_shufflevector(a, b, (kLane / 2 + kLane % 2 * kLanes)...);
        shuffled[2 * i + 1] = __builtin_shufflevector(a, b, (kLanes / 2 + kLane / 2 + kLane % 2 * kLanes)...);
      }
      std::memcpy(rows, shuffled, sizeof shuffled);
    }
  }
};

}  // namespace
}  // namespace mamba_hunet
