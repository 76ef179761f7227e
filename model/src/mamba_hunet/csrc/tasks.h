// What the drivers share: memory for the tasks, and sums over what they leave.
#pragma once

#include <algorithm>
#include <memory>
#include <new>

#include "isa.h"

namespace mamba_hunet {

inline const Kernels<float>& kernels_for(float) { return float_kernels(); }
inline const Kernels<double>& kernels_for(double) { return kPortableDouble; }

struct Free {
  void operator()(void* memory) const { ::operator delete(memory, std::align_val_t(64)); }
};

// `count` numbers, 64-byte aligned, not initialised.
template <class Scalar>
std::unique_ptr<Scalar[], Free> allocate(int64_t count) {
  return std::unique_ptr<Scalar[], Free>(
      static_cast<Scalar*>(::operator new(sizeof(Scalar) * std::max<int64_t>(count, 1), std::align_val_t(64))));
}

// sum[i] += each of `shares` rows of `count` numbers, row by row.
template <class Scalar>
void add_shares(const Scalar* shares, int64_t rows, int64_t count, Scalar* sum, const ParallelFor& parallel_for) {
  parallel_for(count, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = begin; i < end; ++i) sum[i] += shares[row * count + i];
  });
}

// sum[i] = the sum of `shares`, as above; nothing if sum is null.
template <class Scalar>
void sum_shares(const Scalar* shares, int64_t rows, int64_t count, Scalar* sum, const ParallelFor& parallel_for) {
  if (!sum) return;
  std::fill(sum, sum + count, Scalar(0));
  add_shares(shares, rows, count, sum, parallel_for);
}

}  // namespace mamba_hunet
