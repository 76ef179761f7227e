// The kernels of one instruction set, compiled under the including file's flags.
#pragma once

#include "image_backward.h"
#include "sequence.h"

namespace mamba_hunet {
namespace {

template <class S>
constexpr Kernels<typename S::Scalar> kernels() {
  return {S::kLanes,      forward<S>,
          backward<S>,    backward_workspace<S>,
          forward_2d<S>,  forward_2d_workspace<S>,
          backward_2d<S>, backward_2d_workspace<S>};
}

}  // namespace
}  // namespace mamba_hunet
