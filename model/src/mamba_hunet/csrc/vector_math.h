// Exponential and softplus on vectors. Single precision: polynomials, fitted to the least largest relative error.
// Double precision, which serves gradient checks and not speed: the C library's functions, lane by lane.
#pragma once

#include <cmath>
#include <type_traits>

#include "simd.h"

namespace mamba_hunet {
namespace {

constexpr double kLog2E = 1.44269504088896340736;

// 2^p, relative error below 2e-7. Exactly 0 for p <= -127, infinity for p >= 128, NaN for NaN.
template <class S>
inline typename S::Vec exp2(typename S::Vec p) {
  using Vec = typename S::Vec;
  if constexpr (std::is_same_v<typename S::Scalar, float>) {
    typedef int32_t Bits __attribute__((vector_size(sizeof(Vec))));
    p = S::clamp(p, -127.0f, 128.0f);
    const Vec magic = S::broadcast(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number, kept in the low bits
    const Vec rounded = p + magic;
    const Vec r = p - (rounded - magic);  // in [-1/2, 1/2]
    Vec poly = S::broadcast(0.00132647270739f);
    poly = poly * r + S::broadcast(0.00967151260595f);
    poly = poly * r + S::broadcast(0.0555073374319f);
    poly = poly * r + S::broadcast(0.240222420865f);
    poly = poly * r + S::broadcast(0.693146977601f);
    poly = poly * r + S::broadcast(1.0f);
    return (Vec)((Bits)poly + ((Bits)rounded << 23));  // multiplies by 2^rounded
  } else {
    for (int i = 0; i < S::kLanes; ++i) p[i] = std::exp2(p[i]);
    return p;
  }
}

// log(1 + e) for e in [0, 1], relative error below 2e-7.
template <class S>
inline typename S::Vec log1p_unit(typename S::Vec e) {
  using Vec = typename S::Vec;
  if constexpr (std::is_same_v<typename S::Scalar, float>) {
    Vec poly = S::broadcast(0.00523269934133f);
    poly = poly * e + S::broadcast(-0.0295052551843f);
    poly = poly * e + S::broadcast(0.0782259711372f);
    poly = poly * e + S::broadcast(-0.136632466976f);
    poly = poly * e + S::broadcast(0.191060067953f);
    poly = poly * e + S::broadcast(-0.248429821156f);
    poly = poly * e + S::broadcast(0.333190967838f);
    poly = poly * e + S::broadcast(-0.499994931396f);
    poly = poly * e + S::broadcast(0.99999996988f);
    return poly * e;
  } else {
    for (int i = 0; i < S::kLanes; ++i) e[i] = std::log1p(e[i]);
    return e;
  }
}

// exp(-|x|), from which softplus and its derivative follow without overflow.
template <class S>
inline typename S::Vec exp_minus_abs(typename S::Vec x) {
  using Scalar = typename S::Scalar;
  return exp2<S>((x < 0 ? x : -x) * S::broadcast(Scalar(kLog2E)));
}

// log(1 + exp(x)).
template <class S>
inline typename S::Vec softplus(typename S::Vec x) {
  return (x < 0 ? S::broadcast(0) : x) + log1p_unit<S>(exp_minus_abs<S>(x));
}

// The derivative of softplus: 1 / (1 + exp(-x)).
template <class S>
inline typename S::Vec sigmoid(typename S::Vec x) {
  const typename S::Vec e = exp_minus_abs<S>(x), one = S::broadcast(1);
  return (x < 0 ? e : one) / (one + e);
}

}  // namespace
}  // namespace mamba_hunet
