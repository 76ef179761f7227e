// Cuts a scan into independent pieces, hands them to the instruction set's kernels, and adds up what they share.
#include "selective_scan.h"

#include "tasks.h"

namespace mamba_hunet {
namespace {

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

// Each batch entry's and group's (d_state, length) of B and of C, as (length, 2 d_state): what a step needs lies
// together.
template <class Scalar>
std::unique_ptr<Scalar[], Free> interleave(const Shape& shape, const Scalar* B, const Scalar* C,
                                           const ParallelFor& parallel_for) {
  const int64_t rows = shape.batch * shape.groups, size = shape.d_state * shape.length;
  auto BC = allocate<Scalar>(2 * rows * size);
  parallel_for(rows * shape.length, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t from = i / shape.length * size + i % shape.length, to = i * 2 * shape.d_state;
      for (int64_t n = 0; n < shape.d_state; ++n) {
        BC[to + n] = B[from + n * shape.length];
        BC[to + shape.d_state + n] = C[from + n * shape.length];
      }
    }
  });
  return BC;
}

}  // namespace

template <class Scalar>
void selective_scan(const Shape& shape, const Inputs<Scalar>& inputs, Scalar* y, const ParallelFor& parallel_for) {
  const Kernels<Scalar>& kernels = kernels_for(Scalar());
  const Partition partition(shape, kernels.lanes);
  const auto BC = interleave(shape, inputs.B, inputs.C, parallel_for);
  parallel_for(partition.count(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) kernels.forward(shape, inputs, BC.get(), partition.range(i), y);
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
  const auto BC = interleave(shape, inputs.B, inputs.C, parallel_for);
  const auto shares_B = allocate<Scalar>(extra * size_B), shares_C = allocate<Scalar>(extra * size_B);
  const auto shares_A = allocate<Scalar>(shape.batch * size_A);
  const auto shares_D = allocate<Scalar>(shape.batch * shape.dim),
             shares_bias = allocate<Scalar>(shape.batch * shape.dim);

  parallel_for(partition.count(), [&](int64_t begin, int64_t end) {
    const auto workspace = allocate<Scalar>(kernels.backward_workspace(shape, partition.channels_per_range));
    for (int64_t i = begin; i < end; ++i) {
      const ChannelRange range = partition.range(i);
      const int64_t at = (range.batch * shape.groups + range.group) * per_group, part = partition.part(i);
      kernels.backward(shape, inputs, BC.get(), grad_y, gradients,
                       {range, part == 0 ? gradients.B + at : shares_B.get() + (part - 1) * size_B + at,
                        part == 0 ? gradients.C + at : shares_C.get() + (part - 1) * size_B + at,
                        shares_A.get() + range.batch * size_A, shares_D.get() + range.batch * shape.dim,
                        shares_bias.get() + range.batch * shape.dim, workspace.get()});
    }
  });

  add_shares(shares_B.get(), extra, size_B, gradients.B, parallel_for);
  add_shares(shares_C.get(), extra, size_B, gradients.C, parallel_for);
  sum_shares(shares_A.get(), shape.batch, size_A, gradients.A, parallel_for);
  sum_shares(shares_D.get(), shape.batch, shape.dim, gradients.D, parallel_for);
  sum_shares(shares_bias.get(), shape.batch, shape.dim, gradients.delta_bias, parallel_for);
}

template void selective_scan(const Shape&, const Inputs<float>&, float*, const ParallelFor&);
template void selective_scan(const Shape&, const Inputs<double>&, double*, const ParallelFor&);
template void selective_scan_backward(const Shape&, const Inputs<float>&, const float*, const Gradients<float>&,
                                      const ParallelFor&);
template void selective_scan_backward(const Shape&, const Inputs<double>&, const double*, const Gradients<double>&,
                                      const ParallelFor&);

}  // namespace mamba_hunet
