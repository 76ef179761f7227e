// What the bindings of the operators share: checks that name the argument, and torch's threads.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include "selective_scan.h"

namespace mamba_hunet {

struct Checks {
  const char* op;     // named in every message
  const char* input;  // the argument whose dtype decides the others'
  bool in_double;     // that one is float64

  void dtype(const at::Tensor& tensor, const char* name, bool may_be_half) const {
    const auto type = tensor.scalar_type();
    const bool half = type == at::kBFloat16 || type == at::kHalf;
    if (in_double) {
      TORCH_CHECK_TYPE(type == at::kDouble, op, ": ", name, " is ", type, "; expected float64, because ", input,
                       " is.");
    } else {
      TORCH_CHECK_TYPE(type == at::kFloat || (may_be_half && half), op, ": ", name, " is ", type, "; expected ",
                       may_be_half ? "float32, bfloat16 or float16" : "float32", ".");
    }
  }

  void shape(const at::Tensor& tensor, const char* name, at::IntArrayRef expected, const char* axes) const {
    TORCH_CHECK_VALUE(tensor.sizes() == expected, op, ": ", name, " has shape ", tensor.sizes(), "; expected ", axes,
                      " = ", expected, ".");
  }
};

inline void parallel_for(int64_t count, const std::function<void(int64_t, int64_t)>& body) {
  at::parallel_for(0, count, 1, body);
}

// The tensor as the core wants it: contiguous, in the type that is computed in.
template <class Scalar>
at::Tensor plain(const at::Tensor& tensor) {
  return tensor.to(c10::CppTypeToScalarType<Scalar>::value).contiguous();
}

// function(double()) if the computation is in double precision, else function(float()).
template <class Function>
auto in_compute_type(const at::Tensor& input, Function function) {
  return input.scalar_type() == at::kDouble ? function(double()) : function(float());
}

}  // namespace mamba_hunet
