// torch.ops.mamba_hunet.selective_scan_2d: checks and contiguous tensors. Links libtorch alone, as torch_binding.cpp.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <torch/library.h>

#include "selective_scan_2d.h"
#include "torch_checks.h"

namespace {

using at::Tensor;
using mamba_hunet::Checks;
using mamba_hunet::ImageShape;
using mamba_hunet::in_compute_type;
using mamba_hunet::kDirections;
using mamba_hunet::parallel_for;
using mamba_hunet::Pixels;
using mamba_hunet::plain;

ImageShape check(const Tensor& x, const Tensor& projected, const Tensor& dt_weight, const Tensor& dt_bias,
                 const Tensor& A, const Tensor& D) {
  const char* op = "selective_scan_2d";
  TORCH_CHECK_VALUE(x.dim() == 4, op, ": x has shape ", x.sizes(), "; expected (batch, height, width, channels).");
  TORCH_CHECK_VALUE(dt_weight.dim() == 3, op, ": dt_weight has shape ", dt_weight.sizes(),
                    "; expected (4, channels, dt_rank).");
  TORCH_CHECK_VALUE(A.dim() == 2, op, ": A has shape ", A.sizes(), "; expected (4 channels, d_state).");
  const ImageShape shape{x.size(0), x.size(1), x.size(2), x.size(3), dt_weight.size(2), A.size(1)};
  TORCH_CHECK_VALUE(1 <= shape.d_state && shape.d_state <= mamba_hunet::kMaxStates, op, ": A has shape ", A.sizes(),
                    "; expected (4 channels, d_state) with d_state from 1 to ", mamba_hunet::kMaxStates, ".");
  const Checks check{op, "x", x.scalar_type() == at::kDouble};
  check.shape(projected, "projected", {shape.batch, shape.height, shape.width, kDirections, shape.projected_size()},
              "(batch, height, width, 4, dt_rank + 2 d_state)");
  check.shape(dt_weight, "dt_weight", {kDirections, shape.channels, shape.dt_rank}, "(4, channels, dt_rank)");
  check.shape(dt_bias, "dt_bias", {kDirections, shape.channels}, "(4, channels)");
  check.shape(A, "A", {kDirections * shape.channels, shape.d_state}, "(4 channels, d_state)");
  check.shape(D, "D", {kDirections * shape.channels}, "(4 channels)");
  check.dtype(x, "x", true);
  check.dtype(projected, "projected", true);
  check.dtype(dt_weight, "dt_weight", false);
  check.dtype(dt_bias, "dt_bias", false);
  check.dtype(A, "A", false);
  check.dtype(D, "D", false);
  return shape;
}

std::vector<int64_t> shape_of_states(const ImageShape& shape) {
  return {shape.batch, shape.blocks(), kDirections, shape.tiles(), shape.d_state, mamba_hunet::kStateLanes};
}

// Feature maps are read and written as bfloat16 where they are; float16 is converted.
at::ScalarType stored_type(const Tensor& x) { return x.scalar_type() == at::kHalf ? at::kFloat : x.scalar_type(); }
Tensor as_stored(const Tensor& tensor, const Tensor& x) { return tensor.to(stored_type(x)).contiguous(); }
Pixels pixels(const Tensor& tensor) {
  return {const_cast<void*>(tensor.const_data_ptr()), tensor.scalar_type() == at::kBFloat16};
}

template <class Scalar>
struct CoreInputs {
  CoreInputs(const Tensor& x, const Tensor& projected, const Tensor& dt_weight, const Tensor& dt_bias, const Tensor& A,
             const Tensor& D)
      : x(as_stored(x, x)),
        projected(plain<Scalar>(projected)),
        dt_weight(plain<Scalar>(dt_weight)),
        dt_bias(plain<Scalar>(dt_bias)),
        A(plain<Scalar>(A)),
        D(plain<Scalar>(D)) {}

  mamba_hunet::ImageInputs<Scalar> pointers() const {
    const auto pointer = [](const Tensor& tensor) { return tensor.const_data_ptr<Scalar>(); };
    return {pixels(x), pointer(projected), pointer(dt_weight), pointer(dt_bias), pointer(A), pointer(D)};
  }

  Tensor x, projected, dt_weight, dt_bias, A, D;
};

std::tuple<Tensor, Tensor> selective_scan_2d(const Tensor& x, const Tensor& projected, const Tensor& dt_weight,
                                             const Tensor& dt_bias, const Tensor& A, const Tensor& D,
                                             bool keep_states) {
  const ImageShape shape = check(x, projected, dt_weight, dt_bias, A, D);
  return in_compute_type(x, [&](auto zero) -> std::tuple<Tensor, Tensor> {
    using Scalar = decltype(zero);
    const CoreInputs<Scalar> inputs(x, projected, dt_weight, dt_bias, A, D);
    Tensor y = at::empty_like(inputs.x);
    Tensor states = at::empty(keep_states ? shape_of_states(shape) : std::vector<int64_t>{0}, inputs.A.options());
    if (shape.channels % mamba_hunet::kStateLanes) states.zero_();  // the last block has lanes that no kernel writes
    if (y.numel() > 0)
      mamba_hunet::selective_scan_2d<Scalar>(
          shape, inputs.pointers(), {pixels(y), keep_states ? states.template mutable_data_ptr<Scalar>() : nullptr},
          parallel_for);
    return {y.to(x.scalar_type()), states};
  });
}

using SixTensors = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

// states: what the forward pass kept; where that is nothing they are computed again.
SixTensors selective_scan_2d_backward(const Tensor& grad_y, const Tensor& states, const Tensor& x,
                                      const Tensor& projected, const Tensor& dt_weight, const Tensor& dt_bias,
                                      const Tensor& A, const Tensor& D) {
  const ImageShape shape = check(x, projected, dt_weight, dt_bias, A, D);
  const Checks check{"selective_scan_2d", "x", x.scalar_type() == at::kDouble};
  check.shape(grad_y, "grad_y", x.sizes(), "the shape of x");
  const Tensor kept =
      states.numel() > 0 ? states : std::get<1>(selective_scan_2d(x, projected, dt_weight, dt_bias, A, D, true));
  check.shape(kept, "states", shape_of_states(shape), "(batch, blocks, 4, tiles, d_state, 16)");
  check.dtype(kept, "states", false);
  return in_compute_type(x, [&](auto zero) -> SixTensors {
    using Scalar = decltype(zero);
    const CoreInputs<Scalar> inputs(x, projected, dt_weight, dt_bias, A, D);
    const Tensor grad = as_stored(grad_y, x), plain_states = plain<Scalar>(kept);
    const auto like = [&](const Tensor& input) {
      return x.numel() > 0 ? at::empty_like(input) : at::zeros_like(input);
    };
    const auto pointer = [](Tensor& tensor) { return tensor.template mutable_data_ptr<Scalar>(); };
    Tensor dx = like(inputs.x), dprojected = like(inputs.projected), dweight = like(inputs.dt_weight);
    Tensor dbias = like(inputs.dt_bias), dA = like(inputs.A), dD = like(inputs.D);
    if (x.numel() > 0)
      mamba_hunet::selective_scan_2d_backward<Scalar>(
          shape, inputs.pointers(), pixels(grad), plain_states.template const_data_ptr<Scalar>(),
          {pixels(dx), pointer(dprojected), pointer(dweight), pointer(dbias), pointer(dA), pointer(dD)}, parallel_for);
    return {dx.to(x.scalar_type()), dprojected.to(projected.scalar_type()), dweight, dbias, dA, dD};
  });
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(mamba_hunet, library) {
  library.def(
      "selective_scan_2d(Tensor x, Tensor projected, Tensor dt_weight, Tensor dt_bias, Tensor A, Tensor D, "
      "bool keep_states) -> (Tensor, Tensor)");
  library.def(
      "selective_scan_2d_backward(Tensor grad_y, Tensor states, Tensor x, Tensor projected, Tensor dt_weight, "
      "Tensor dt_bias, Tensor A, Tensor D) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(mamba_hunet, CPU, library) {
  library.impl("selective_scan_2d", &selective_scan_2d);
  library.impl("selective_scan_2d_backward", &selective_scan_2d_backward);
}
