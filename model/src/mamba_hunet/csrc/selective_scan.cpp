// Cuts a scan into independent pieces, hands them to the instruction set's kernels, and adds up what they share.
#include "selective_scan.h"

#include <algorithm>
#include <memory>
#include <new>

#include "isa.h"

namespace mamba_hunet {
namespace {

// Channels whose shares of dB and dC are added up within one task. Fixed, so that the order of the sums is.
constexpr int64_t kChannelsPerTask = 64;

const Kernels<float>& kernels_for(float) { return float_kernels(); }
const Kernels<double>& kernels_for(double) { return kPortableDouble; }

struct Free {
  void operator()(void* memory) const { ::operator delete(memory, std::align_val_t(64)); }
};

template <class Scalar>
std::unique_ptr<Scalar[], Free> allocate(int64_t count) {
  return std::unique_ptr<Scalar[], Free>(
      static_cast<Scalar*>(::operator new(sizeof(Scalar) * std::max<int64_t>(count, 1), std::align_val_t(64))));
}

// Every batch entry's groups, each cut into ranges of at most channels_per_range channels.
struct Partition {
  Partition(const Shape& shape, int64_t channels_per_range)
      : shape(shape),
        channels_per_range(channels_per_range),
        ranges_per_group((shape.channels_per_group() + channels_per_range - 1) / channels_per_range) {}

  int64_t count() const { return shape.batch * shape.groups * ranges_per_group; }
  int64_t part(int64_t i) const { return i % ranges_per_group; }  // which range of its group
  ChannelRange range(int64_t i) const {
    const int64_t in_group = part(i) * channels_per_range, group = i / ranges_per_group % shape.groups;
    return {i / ranges_per_group / shape.groups, group, group * shape.channels_per_group() + in_group,
            std::min(channels_per_range, shape.channels_per_group() - in_group)};
  }

  Shape shape;
  int64_t channels_per_range, ranges_per_group;
};

// sum[i] += each of `shares` rows of `count` numbers, row by row.
template <class Scalar>
void add_shares(const Scalar* shares, int64_t rows, int64_t count, Scalar* sum, const ParallelFor& parallel_for) {
  parallel_for(count, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = begin; i < end; ++i) sum[i] += shares[row * count + i];
  });
}

}  // namespace

template <class Scalar>
void selective_scan(const Shape& shape, const Inputs<Scalar>& inputs, Scalar* y, const ParallelFor& parallel_for) {
  const Kernels<Scalar>& kernels = kernels_for(Scalar());
  const Partition partition(shape, kernels.lanes);
  parallel_for(partition.count(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) kernels.forward(shape, inputs, partition.range(i), y);
  });
}

template <class Scalar>
void selective_scan_backward(const Shape& shape, const Inputs<Scalar>& inputs, const Scalar* grad_y,
                             const Gradients<Scalar>& gradients, const ParallelFor& parallel_for) {
  const Kernels<Scalar>& kernels = kernels_for(Scalar());
  const Partition partition(shape, std::min(kChannelsPerTask, std::max<int64_t>(shape.channels_per_group(), 1)));
  const int64_t size_A = shape.dim * shape.d_state, per_group = shape.d_state * shape.length;
  const int64_t size_B = shape.batch * shape.groups * per_group;

  // The first range of a group writes its share of dB and dC in place, the others theirs beside it.
  const int64_t extra = partition.ranges_per_group - 1;
  const auto shares_B = allocate<Scalar>(extra * size_B), shares_C = allocate<Scalar>(extra * size_B);
  const auto shares_A = allocate<Scalar>(shape.batch * size_A);
  const auto shares_D = allocate<Scalar>(shape.batch * shape.dim),
             shares_bias = allocate<Scalar>(shape.batch * shape.dim);

  parallel_for(partition.count(), [&](int64_t begin, int64_t end) {
    const auto workspace = allocate<Scalar>(kernels.backward_workspace(shape, partition.channels_per_range));
    for (int64_t i = begin; i < end; ++i) {
      const ChannelRange range = partition.range(i);
      const int64_t at = (range.batch * shape.groups + range.group) * per_group, part = partition.part(i);
      kernels.backward(shape, inputs, grad_y, gradients,
                       {range, part == 0 ? gradients.B + at : shares_B.get() + (part - 1) * size_B + at,
                        part == 0 ? gradients.C + at : shares_C.get() + (part - 1) * size_B + at,
                        shares_A.get() + range.batch * size_A, shares_D.get() + range.batch * shape.dim,
                        shares_bias.get() + range.batch * shape.dim, workspace.get()});
    }
  });

  add_shares(shares_B.get(), extra, size_B, gradients.B, parallel_for);
  add_shares(shares_C.get(), extra, size_B, gradients.C, parallel_for);
  const auto add_batch = [&](const Scalar* shares, int64_t count, Scalar* sum) {
    if (!sum) return;
    std::fill(sum, sum + count, Scalar(0));
    add_shares(shares, shape.batch, count, sum, parallel_for);
  };
  add_batch(shares_A.get(), size_A, gradients.A);
  add_batch(shares_D.get(), shape.dim, gradients.D);
  add_batch(shares_bias.get(), shape.dim, gradients.delta_bias);
}

template void selective_scan(const Shape&, const Inputs<float>&, float*, const ParallelFor&);
template void selective_scan(const Shape&, const Inputs<double>&, double*, const ParallelFor&);
template void selective_scan_backward(const Shape&, const Inputs<float>&, const float*, const Gradients<float>&,
                                      const ParallelFor&);
template void selective_scan_backward(const Shape&, const Inputs<double>&, const double*, const Gradients<double>&,
                                      const ParallelFor&);

}  // namespace mamba_hunet
