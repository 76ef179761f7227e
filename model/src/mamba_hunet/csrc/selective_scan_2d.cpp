// Cuts the images of a batch into runs of channels, hands them to the instruction set's kernels, and adds up what they
// share. A task takes all four directions of its channels, so that their sum has one order.
#include "selective_scan_2d.h"

#include <numeric>
#include <vector>

#include "tasks.h"

namespace mamba_hunet {
namespace {

// The pixels of an image as they are read along rows and along columns.
struct Orders {
  explicit Orders(const ImageShape& shape) : along_rows(shape.pixels()), along_columns(shape.pixels()) {
    std::iota(along_rows.begin(), along_rows.end(), 0);
    for (int64_t i = 0; i < shape.pixels(); ++i) along_columns[i] = i % shape.height * shape.width + i / shape.height;
  }
  std::vector<int64_t> along_rows, along_columns;
};

// Every image's channels, cut into runs of `run` channels; the last may be shorter.
struct Runs {
  Runs(const ImageShape& shape, int64_t run) : shape(shape), run(run), per_image((shape.channels + run - 1) / run) {}

  int64_t count() const { return shape.batch * per_image; }
  int64_t part(int64_t i) const { return i % per_image; }
  ImageTask task(int64_t i, const Orders& orders) const {
    const int64_t first = part(i) * run;
    return {i / per_image,
            first,
            std::min(run, shape.channels - first),
            {orders.along_rows.data(), orders.along_columns.data()}};
  }

  ImageShape shape;
  int64_t run, per_image;
};

// As few runs as kChannelsPerTask allows, all as long as each other up to a whole number of vectors.
int64_t channels_per_task(int64_t channels) {
  constexpr int64_t kWidest = 16;  // of any instruction set: the length must not depend on which of them runs
  const int64_t runs = (channels + kChannelsPerTask - 1) / kChannelsPerTask;
  return ((channels + runs - 1) / runs + kWidest - 1) / kWidest * kWidest;
}

}  // namespace

template <class Scalar>
void selective_scan_2d(const ImageShape& shape, const ImageInputs<Scalar>& inputs, const ImageOutputs<Scalar>& outputs,
                       const ParallelFor& parallel_for) {
  const Kernels<Scalar>& kernels = kernels_for(Scalar());
  const Orders orders(shape);
  const Runs runs(shape, kernels.lanes);
  parallel_for(runs.count(), [&](int64_t begin, int64_t end) {
    const auto workspace = allocate<Scalar>(kernels.forward_2d_workspace(shape));
    for (int64_t i = begin; i < end; ++i)
      kernels.forward_2d(shape, inputs, outputs, runs.task(i, orders), workspace.get());
  });
}

template <class Scalar>
void selective_scan_2d_backward(const ImageShape& shape, const ImageInputs<Scalar>& inputs, const Pixels& grad_y,
                                const Scalar* states, const ImageGradients<Scalar>& gradients,
                                const ParallelFor& parallel_for) {
  const Kernels<Scalar>& kernels = kernels_for(Scalar());
  const Orders orders(shape);
  const Runs runs(shape, channels_per_task(shape.channels));
  const int64_t all_channels = kDirections * shape.channels;
  const int64_t per_image = shape.pixels() * kDirections * shape.projected_size();
  const int64_t size_projected = shape.batch * per_image, size_A = all_channels * shape.d_state;
  const int64_t size_weight = all_channels * shape.dt_rank;

  // The first run of an image writes its share of the projection's gradient in place, the others theirs beside it.
  const auto shares_projected = allocate<Scalar>((runs.per_image - 1) * size_projected);
  const auto shares_weight = allocate<Scalar>(shape.batch * size_weight);
  const auto shares_bias = allocate<Scalar>(shape.batch * all_channels);
  const auto shares_A = allocate<Scalar>(shape.batch * size_A);
  const auto shares_D = allocate<Scalar>(shape.batch * all_channels);

  parallel_for(runs.count(), [&](int64_t begin, int64_t end) {
    const auto workspace = allocate<Scalar>(kernels.backward_2d_workspace(shape, runs.run));
    for (int64_t i = begin; i < end; ++i) {
      const ImageTask task = runs.task(i, orders);
      const int64_t part = runs.part(i), image = task.image;
      Scalar* projected = part == 0 ? gradients.projected : shares_projected.get() + (part - 1) * size_projected;
      kernels.backward_2d(shape, inputs, {grad_y, states, gradients.x}, task,
                          {projected + image * per_image, shares_weight.get() + image * size_weight,
                           shares_bias.get() + image * all_channels, shares_D.get() + image * all_channels,
                           shares_A.get() + image * size_A},
                          workspace.get());
    }
  });

  add_shares(shares_projected.get(), runs.per_image - 1, size_projected, gradients.projected, parallel_for);
  sum_shares(shares_weight.get(), shape.batch, size_weight, gradients.dt_weight, parallel_for);
  sum_shares(shares_bias.get(), shape.batch, all_channels, gradients.dt_bias, parallel_for);
  sum_shares(shares_A.get(), shape.batch, size_A, gradients.A, parallel_for);
  sum_shares(shares_D.get(), shape.batch, all_channels, gradients.D, parallel_for);
}

template void selective_scan_2d(const ImageShape&, const ImageInputs<float>&, const ImageOutputs<float>&,
                                const ParallelFor&);
template void selective_scan_2d(const ImageShape&, const ImageInputs<double>&, const ImageOutputs<double>&,
                                const ParallelFor&);
template void selective_scan_2d_backward(const ImageShape&, const ImageInputs<float>&, const Pixels&, const float*,
                                         const ImageGradients<float>&, const ParallelFor&);
template void selective_scan_2d_backward(const ImageShape&, const ImageInputs<double>&, const Pixels&, const double*,
                                         const ImageGradients<double>&, const ParallelFor&);

}  // namespace mamba_hunet
