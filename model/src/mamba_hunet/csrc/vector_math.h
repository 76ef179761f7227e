// Exponential and softplus of a few vectors at once: side by side, so that each hides the latency of the others.
// Single precision: polynomials, fitted to the least largest relative error. Double precision, which serves gradient
// checks and not speed: the C library's functions, number by number.
#pragma once

#include <cmath>
#include <type_traits>

#include "simd.h"

namespace mamba_hunet {
namespace {

constexpr double kLog2E = 1.44269504088896340736;

template <class S>
constexpr bool kSingle = std::is_same_v<typename S::Scalar, float>;

// y[k] = y[k] * x[k] + coefficient: one step of Horner's rule.
template <class S, int kCount>
inline void horner_step(typename S::Vec (&y)[kCount], const typename S::Vec (&x)[kCount], float coefficient) {
  for (int k = 0; k < kCount; ++k) y[k] = y[k] * x[k] + S::broadcast(coefficient);
}

#ifdef __AVX512F__
// 2^(i/32) for i from 0 to 31.
alignas(64) constexpr float kPowers[32] = {
    1.0f,        1.0218972f,  1.04427373f, 1.06714046f, 1.09050775f, 1.1143868f,  1.13878858f, 1.1637249f,
    1.18920708f, 1.21524739f, 1.24185777f, 1.26905096f, 1.29683959f, 1.32523668f, 1.35425556f, 1.38390994f,
    1.41421354f, 1.44518077f, 1.47682619f, 1.50916445f, 1.54221082f, 1.5759809f,  1.61049032f, 1.64575553f,
    1.68179286f, 1.71861935f, 1.75625217f, 1.79470909f, 1.8340081f,  1.87416768f, 1.91520655f, 1.95714414f};

// p <- 2^p with a table of the first five bits of the fraction, which two registers hold: fewer operations than a
// polynomial of the whole fraction, and numbers too large or too small for a float need no clamping.
template <int kCount>
inline void exp2_by_table(__m512 (&p)[kCount]) {
  constexpr int kFractionBits = 5;
  constexpr __mmask16 kAll = 0xffff;  // without a mask, these functions of GCC 12 warn of their own placeholder
  const __m512 low = _mm512_load_ps(kPowers), high = _mm512_load_ps(kPowers + 16);
  const __m512 magic = _mm512_set1_ps(393216.0f);  // 1.5 * 2^18: adding it leaves 32 p, rounded, in the lowest bits
  for (int k = 0; k < kCount; ++k) {
    const __m512i index = _mm512_castps_si512(p[k] + magic);
    const __m512 rounded = _mm512_maskz_roundscale_ps(kAll, p[k], kFractionBits << 4 | _MM_FROUND_TO_NEAREST_INT);
    const __m512 power = _mm512_permutex2var_ps(low, index, high), rest = p[k] - rounded;  // rest in [-1/64, 1/64]
    const __m512 slope = rest * _mm512_set1_ps(0.2402265f) + _mm512_set1_ps(0.69315733f);
    p[k] = _mm512_maskz_scalef_ps(kAll, power * rest * slope + power, rounded);  // times 2^floor(rounded)
  }
}
#endif

// p <- 2^p, relative error below 2e-7 where the result is a normal number. Exactly 0 for p <= -150, infinity for
// p >= 128, NaN for a NaN that arithmetic made.
template <class S, int kCount>
inline void exp2(typename S::Vec (&p)[kCount]) {
  using Vec = typename S::Vec;
#ifdef __AVX512F__
  if constexpr (std::is_same_v<Vec, typename Simd<float, 16>::Vec>) return exp2_by_table(p);
#endif
  if constexpr (kSingle<S>) {
    typedef int32_t Bits __attribute__((vector_size(sizeof(Vec))));
    const Vec magic = S::broadcast(12582912.0f);  // 1.5 * 2^23: adding it leaves a rounded number in the lowest bits
    Vec rounded[kCount], y[kCount];
    for (int k = 0; k < kCount; ++k) p[k] = S::clamp(p[k], -127.0f, 128.0f);
    for (int k = 0; k < kCount; ++k) rounded[k] = p[k] + magic;
    for (int k = 0; k < kCount; ++k) p[k] -= rounded[k] - magic;  // now in [-1/2, 1/2]
    for (int k = 0; k < kCount; ++k) y[k] = S::broadcast(0.00132647270739f);
    for (float coefficient : {0.00967151260595f, 0.0555073374319f, 0.240222420865f, 0.693146977601f, 1.0f})
      horner_step<S>(y, p, coefficient);
    for (int k = 0; k < kCount; ++k) p[k] = (Vec)((Bits)y[k] + ((Bits)rounded[k] << 23));  // y * 2^rounded
  } else {
    for (Vec& vector : p)
      for (int i = 0; i < S::kLanes; ++i) vector[i] = std::exp2(vector[i]);
  }
}

// e <- log(1 + e) for e in [0, 1], relative error below 2e-7.
template <class S, int kCount>
inline void log1p_unit(typename S::Vec (&e)[kCount]) {
  using Vec = typename S::Vec;
  if constexpr (kSingle<S>) {
    Vec y[kCount];
    for (int k = 0; k < kCount; ++k) y[k] = S::broadcast(0.00523269934133f);
    for (float coefficient : {-0.0295052551843f, 0.0782259711372f, -0.136632466976f, 0.191060067953f, -0.248429821156f,
                              0.333190967838f, -0.499994931396f, 0.99999996988f})
      horner_step<S>(y, e, coefficient);
    for (int k = 0; k < kCount; ++k) e[k] *= y[k];
  } else {
    for (Vec& vector : e)
      for (int i = 0; i < S::kLanes; ++i) vector[i] = std::log1p(vector[i]);
  }
}

// x <- softplus(x) = log(1 + exp(x)), and slope <- its derivative 1 / (1 + exp(-x)). Both follow from exp(-|x|), which
// never overflows.
template <class S, int kCount>
inline void softplus(typename S::Vec (&x)[kCount], typename S::Vec (&slope)[kCount]) {
  using Vec = typename S::Vec;
  const Vec zero = S::broadcast(0), one = S::broadcast(1), log2_e = S::broadcast(typename S::Scalar(kLog2E));
  Vec e[kCount];
  for (int k = 0; k < kCount; ++k) e[k] = (x[k] < 0 ? x[k] : -x[k]) * log2_e;
  exp2<S>(e);
  for (int k = 0; k < kCount; ++k) slope[k] = (x[k] < 0 ? e[k] : one) / (one + e[k]);
  log1p_unit<S>(e);
  for (int k = 0; k < kCount; ++k) x[k] = (x[k] < 0 ? zero : x[k]) + e[k];
}

}  // namespace
}  // namespace mamba_hunet
