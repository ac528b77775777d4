// Half a vector of lanes in float64, read from float32 and rounded to it once.
#pragma once

#include "../simd.hpp"

namespace medtorch::MEDTORCH_ISA {

#if defined(MEDTORCH_AVX512)

struct Doubles {
  static constexpr int lanes = 8;
  __m512d v;
  static Doubles set(double x) noexcept { return {_mm512_set1_pd(x)}; }
  static Doubles load(const float* p) noexcept { return {_mm512_cvtps_pd(_mm256_loadu_ps(p))}; }
  void store(float* p) const noexcept { _mm256_storeu_ps(p, _mm512_cvtpd_ps(v)); }
};

inline Doubles operator+(Doubles a, Doubles b) noexcept { return {_mm512_add_pd(a.v, b.v)}; }
inline Doubles operator-(Doubles a, Doubles b) noexcept { return {_mm512_sub_pd(a.v, b.v)}; }
inline Doubles operator*(Doubles a, Doubles b) noexcept { return {_mm512_mul_pd(a.v, b.v)}; }

#elif defined(MEDTORCH_AVX2)

struct Doubles {
  static constexpr int lanes = 4;
  __m256d v;
  static Doubles set(double x) noexcept { return {_mm256_set1_pd(x)}; }
  static Doubles load(const float* p) noexcept { return {_mm256_cvtps_pd(_mm_loadu_ps(p))}; }
  void store(float* p) const noexcept { _mm_storeu_ps(p, _mm256_cvtpd_ps(v)); }
};

inline Doubles operator+(Doubles a, Doubles b) noexcept { return {_mm256_add_pd(a.v, b.v)}; }
inline Doubles operator-(Doubles a, Doubles b) noexcept { return {_mm256_sub_pd(a.v, b.v)}; }
inline Doubles operator*(Doubles a, Doubles b) noexcept { return {_mm256_mul_pd(a.v, b.v)}; }

#elif defined(MEDTORCH_NEON)

struct Doubles {
  static constexpr int lanes = 2;
  float64x2_t v;
  static Doubles set(double x) noexcept { return {vdupq_n_f64(x)}; }
  static Doubles load(const float* p) noexcept { return {vcvt_f64_f32(vld1_f32(p))}; }
  void store(float* p) const noexcept { vst1_f32(p, vcvt_f32_f64(v)); }
};

inline Doubles operator+(Doubles a, Doubles b) noexcept { return {vaddq_f64(a.v, b.v)}; }
inline Doubles operator-(Doubles a, Doubles b) noexcept { return {vsubq_f64(a.v, b.v)}; }
inline Doubles operator*(Doubles a, Doubles b) noexcept { return {vmulq_f64(a.v, b.v)}; }

#else

struct Doubles {
  static constexpr int lanes = 1;
  double v;
  static Doubles set(double x) noexcept { return {x}; }
  static Doubles load(const float* p) noexcept { return {static_cast<double>(*p)}; }
  void store(float* p) const noexcept { *p = static_cast<float>(v); }
};

inline Doubles operator+(Doubles a, Doubles b) noexcept { return {a.v + b.v}; }
inline Doubles operator-(Doubles a, Doubles b) noexcept { return {a.v - b.v}; }
inline Doubles operator*(Doubles a, Doubles b) noexcept { return {a.v * b.v}; }

#endif

}  // namespace medtorch::MEDTORCH_ISA
