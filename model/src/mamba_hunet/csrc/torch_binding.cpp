// torch.ops.mamba_hunet: checks, contiguous tensors in the type that is computed in, and torch's threads. Links
// libtorch alone, not libtorch_python, so the library also loads where there is no Python.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/library.h>

#include "torch_checks.h"

namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;
using mamba_hunet::Checks;
using mamba_hunet::in_compute_type;
using mamba_hunet::parallel_for;
using mamba_hunet::plain;
using mamba_hunet::Shape;

Shape check(const Tensor& u, const Tensor& delta, const Tensor& A, const Tensor& B, const Tensor& C,
            const OptionalTensor& D, const OptionalTensor& delta_bias) {
  TORCH_CHECK_VALUE(u.dim() == 3, "selective_scan: u has shape ", u.sizes(), "; expected (batch, dim, length).");
  TORCH_CHECK_VALUE(A.dim() == 2, "selective_scan: A has shape ", A.sizes(), "; expected (dim, d_state).");
  TORCH_CHECK_VALUE(B.dim() == 4, "selective_scan: B has shape ", B.sizes(),
                    "; expected (batch, groups, d_state, length).");
  const Shape shape{u.size(0), u.size(1), u.size(2), B.size(1), A.size(1)};
  TORCH_CHECK_VALUE(1 <= shape.d_state && shape.d_state <= mamba_hunet::kMaxStates, "selective_scan: A has shape ",
                    A.sizes(), "; expected (dim, d_state) with d_state from 1 to ", mamba_hunet::kMaxStates, ".");
  TORCH_CHECK_VALUE(shape.groups >= 1 && shape.dim % shape.groups == 0, "selective_scan: B has shape ", B.sizes(),
                    "; its groups (axis 1) must divide the ", shape.dim, " channels of u.");
  const Checks check{"selective_scan", "u", u.scalar_type() == at::kDouble};
  check.shape(delta, "delta", u.sizes(), "the shape of u");
  check.shape(A, "A", {shape.dim, shape.d_state}, "(dim, d_state)");
  const std::vector<int64_t> of_B{shape.batch, shape.groups, shape.d_state, shape.length};
  check.shape(B, "B", of_B, "(batch, groups, d_state, length)");
  check.shape(C, "C", of_B, "(batch, groups, d_state, length)");
  if (D) check.shape(*D, "D", {shape.dim}, "(dim)");
  if (delta_bias) check.shape(*delta_bias, "delta_bias", {shape.dim}, "(dim)");

  check.dtype(u, "u", true);
  check.dtype(delta, "delta", true);
  check.dtype(A, "A", false);
  check.dtype(B, "B", true);
  check.dtype(C, "C", true);
  if (D) check.dtype(*D, "D", false);
  if (delta_bias) check.dtype(*delta_bias, "delta_bias", false);
  return shape;
}

// The inputs as the core wants them: contiguous, all in the type that is computed in.
template <class Scalar>
struct CoreInputs {
  CoreInputs(const Tensor& u, const Tensor& delta, const Tensor& A, const Tensor& B, const Tensor& C,
             const OptionalTensor& D, const OptionalTensor& delta_bias, bool delta_softplus)
      : u(plain<Scalar>(u)),
        delta(plain<Scalar>(delta)),
        A(plain<Scalar>(A)),
        B(plain<Scalar>(B)),
        C(plain<Scalar>(C)),
        softplus(delta_softplus) {
    if (D) this->D = plain<Scalar>(*D);
    if (delta_bias) this->delta_bias = plain<Scalar>(*delta_bias);
  }

  static const Scalar* pointer(const Tensor& tensor) {
    return tensor.defined() ? tensor.const_data_ptr<Scalar>() : nullptr;
  }

  mamba_hunet::Inputs<Scalar> pointers() const {
    return {pointer(u), pointer(delta), pointer(A), pointer(B), pointer(C), pointer(D), pointer(delta_bias), softplus};
  }

  Tensor u, delta, A, B, C, D, delta_bias;  // D and delta_bias undefined where not given
  bool softplus;
};

Tensor selective_scan(const Tensor& u, const Tensor& delta, const Tensor& A, const Tensor& B, const Tensor& C,
                      const OptionalTensor& D, const OptionalTensor& delta_bias, bool delta_softplus) {
  const Shape shape = check(u, delta, A, B, C, D, delta_bias);
  return in_compute_type(u, [&](auto zero) {
    using Scalar = decltype(zero);
    const CoreInputs<Scalar> inputs(u, delta, A, B, C, D, delta_bias, delta_softplus);
    Tensor y = at::empty_like(inputs.u);
    if (y.numel() > 0)
      mamba_hunet::selective_scan(shape, inputs.pointers(), y.template mutable_data_ptr<Scalar>(), parallel_for);
    return y.to(u.scalar_type());
  });
}

using SevenTensors = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

// The gradients of D and delta_bias are empty where these are not given.
SevenTensors selective_scan_backward(const Tensor& grad_y, const Tensor& u, const Tensor& delta, const Tensor& A,
                                     const Tensor& B, const Tensor& C, const OptionalTensor& D,
                                     const OptionalTensor& delta_bias, bool delta_softplus) {
  const Shape shape = check(u, delta, A, B, C, D, delta_bias);
  Checks{"selective_scan", "u", false}.shape(grad_y, "grad_y", u.sizes(), "the shape of u");
  return in_compute_type(u, [&](auto zero) -> SevenTensors {
    using Scalar = decltype(zero);
    const CoreInputs<Scalar> inputs(u, delta, A, B, C, D, delta_bias, delta_softplus);
    const Tensor grad = plain<Scalar>(grad_y);
    const auto like = [&](const Tensor& input) {
      if (!input.defined()) return at::empty({0}, inputs.u.options());
      return u.numel() > 0 ? at::empty_like(input) : at::zeros_like(input);
    };
    const auto pointer = [](Tensor& tensor, bool wanted) {
      return wanted ? tensor.template mutable_data_ptr<Scalar>() : nullptr;
    };
    Tensor du = like(inputs.u), ddelta = like(inputs.delta), dA = like(inputs.A), dB = like(inputs.B);
    Tensor dC = like(inputs.C), dD = like(inputs.D), dbias = like(inputs.delta_bias);
    if (u.numel() > 0)
      mamba_hunet::selective_scan_backward<Scalar>(
          shape, inputs.pointers(), grad.template const_data_ptr<Scalar>(),
          {pointer(du, true), pointer(ddelta, true), pointer(dA, true), pointer(dB, true), pointer(dC, true),
           pointer(dD, D.has_value()), pointer(dbias, delta_bias.has_value())},
          parallel_for);
    return {du.to(u.scalar_type()),
            ddelta.to(delta.scalar_type()),
            dA,
            dB.to(B.scalar_type()),
            dC.to(C.scalar_type()),
            dD,
            dbias};
  });
}

}  // namespace

TORCH_LIBRARY(mamba_hunet, library) {
  library.def(
      "selective_scan(Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor? D, Tensor? delta_bias, "
      "bool delta_softplus) -> Tensor");
  library.def(
      "selective_scan_backward(Tensor grad_y, Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor? D, "
      "Tensor? delta_bias, bool delta_softplus) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
  library.def("selective_scan_isas() -> str[]", &mamba_hunet::available_isas);
}

TORCH_LIBRARY_IMPL(mamba_hunet, CPU, library) {
  library.impl("selective_scan", &selective_scan);
  library.impl("selective_scan_backward", &selective_scan_backward);
}
