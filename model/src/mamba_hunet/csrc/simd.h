// kLanes numbers side by side, on the compilers' own vector type (GCC 12 or newer, Clang): the file's flags decide
// which instructions it becomes. Everything lies in an unnamed namespace, so that translation units built for different
// instruction sets never share a function.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

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
  // The first `count` numbers only; the other lanes are 0.
  static Vec load(const Scalar* from, int count) {
    if (count == kLanes) return load(from);
    Vec v = {};
    for (int i = 0; i < count; ++i) v[i] = from[i];
    return v;
  }
  static void store(Scalar* to, Vec v, int count) {
    if (count == kLanes) return store(to, v);
    for (int i = 0; i < count; ++i) to[i] = v[i];
  }
  static Vec broadcast(Scalar s) { return broadcast(s, std::make_integer_sequence<int, kLanes>{}); }

  // Where v is NaN the result is NaN.
  static Vec clamp(Vec v, Scalar low, Scalar high) {
    const Vec lo = unknown(broadcast(low)), hi = unknown(broadcast(high));
    v = lo > v ? lo : v;
    return hi < v ? hi : v;
  }

  // Transposes a square of kLanes vectors: swaps its off-diagonal numbers in 2x2 squares, then those squares in 4x4,
  // ...
  template <int kSize = 1>
  static void transpose(Vec (&rows)[kLanes]) {
    if constexpr (kSize < kLanes) {
      swap_off_diagonal<kSize>(rows, std::make_integer_sequence<int, kLanes>{});
      transpose<kSize * 2>(rows);
    }
  }

  // The sum over the lanes of each of kLanes vectors: halves of pairs of vectors are added until one is left.
  template <int kSize = 1>
  static Vec sum_lanes(Vec (&rows)[kLanes]) {
    if constexpr (kSize == kLanes) {
      return rows[0];
    } else {
      add_across<kSize>(rows, std::make_integer_sequence<int, kLanes>{});
      return sum_lanes<kSize * 2>(rows);
    }
  }

 private:
  // Hides a constant from GCC, which makes a comparison with a known one two instructions instead of one max or min.
  static Vec unknown(Vec v) {
#ifdef __x86_64__
    asm("" : "+v"(v));
#endif
    return v;
  }
  template <int... kLane>
  static Vec broadcast(Scalar s, std::integer_sequence<int, kLane...>) {
    return Vec{((void)kLane, s)...};
  }
  template <int kSize, int... kLane>
  static void add_across(Vec (&rows)[kLanes], std::integer_sequence<int, kLane...>) {
    for (int i = 0; i < kLanes; i += 2 * kSize) {
      const Vec a = rows[i], b = rows[i + kSize];
      rows[i] = __builtin_shufflevector(a, b, (kLane & kSize ? kLane + kLanes : kLane)...) +
                __builtin_shufflevector(a, b, (kLane & kSize ? (kLane ^ kSize) + kLanes : kLane ^ kSize)...);
    }
  }
  template <int kSize, int... kLane>
  static void swap_off_diagonal(Vec (&rows)[kLanes], std::integer_sequence<int, kLane...>) {
    for (int i = 0; i < kLanes; ++i) {
      if (i & kSize) continue;
      const Vec a = rows[i], b = rows[i + kSize];
      rows[i] = __builtin_shufflevector(a, b, (kLane & kSize ? kLane - kSize + kLanes : kLane)...);
      rows[i + kSize] = __builtin_shufflevector(a, b, (kLane & kSize ? kLane + kLanes : kLane + kSize)...);
    }
  }
};

}  // namespace
}  // namespace mamba_hunet
