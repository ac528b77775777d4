// One vector of float32 lanes for each kernel set, under the same names. Kernels are templates or plain functions over
// `Vec`; each kernel file is compiled once a set, with MEDTORCH_ISA naming the namespace it lands in.
//
// Equal bits on every set rest on three habits: every multiply-add that is fused says so (fma), nothing is estimated
// (no rcp, no rsqrt), and sums run over lanes of outputs, or over the 16 virtual lanes of lanes.hpp.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(MEDTORCH_AVX512) || defined(MEDTORCH_AVX2)
#include <immintrin.h>
#elif defined(MEDTORCH_NEON)
#include <arm_neon.h>
#endif

namespace medtorch::MEDTORCH_ISA {

#if defined(MEDTORCH_AVX512)

struct Vec {
  static constexpr int lanes = 16;
  __m512 v;
  using Mask = __mmask16;

  static Vec set(float x) noexcept { return {_mm512_set1_ps(x)}; }
  static Vec zero() noexcept { return {_mm512_setzero_ps()}; }
  static Vec load(const float* p) noexcept { return {_mm512_loadu_ps(p)}; }
  static Vec load(const float* p, int n) noexcept { return {_mm512_maskz_loadu_ps(first(n), p)}; }
  void store(float* p) const noexcept { _mm512_storeu_ps(p, v); }
  void store(float* p, int n) const noexcept { _mm512_mask_storeu_ps(p, first(n), v); }
  static Mask first(int n) noexcept { return static_cast<__mmask16>(n >= 16 ? 0xffff : (1u << n) - 1u); }
};

struct IVec {
  __m512i v;
  static IVec set(std::int32_t x) noexcept { return {_mm512_set1_epi32(x)}; }
  static IVec load(const std::int32_t* p) noexcept { return {_mm512_loadu_si512(p)}; }
};

inline Vec operator+(Vec a, Vec b) noexcept { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) noexcept { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) noexcept { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) noexcept { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) noexcept { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) noexcept { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
inline Vec sqrt(Vec a) noexcept { return {_mm512_sqrt_ps(a.v)}; }
inline Vec select(Vec::Mask m, Vec yes, Vec no) noexcept { return {_mm512_mask_blend_ps(m, no.v, yes.v)}; }
inline Vec::Mask less(Vec a, Vec b) noexcept { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ); }
inline Vec::Mask less_equal(Vec a, Vec b) noexcept { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ); }
inline Vec::Mask equal(Vec a, Vec b) noexcept { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ); }
inline Vec::Mask is_nan(Vec a) noexcept { return _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q); }
inline Vec::Mask either(Vec::Mask a, Vec::Mask b) noexcept { return static_cast<__mmask16>(a | b); }
inline Vec::Mask both(Vec::Mask a, Vec::Mask b) noexcept { return static_cast<__mmask16>(a & b); }
inline IVec bits(Vec a) noexcept { return {_mm512_castps_si512(a.v)}; }
inline Vec floats(IVec a) noexcept { return {_mm512_castsi512_ps(a.v)}; }
inline IVec operator+(IVec a, IVec b) noexcept { return {_mm512_add_epi32(a.v, b.v)}; }
inline IVec operator-(IVec a, IVec b) noexcept { return {_mm512_sub_epi32(a.v, b.v)}; }
inline IVec operator&(IVec a, IVec b) noexcept { return {_mm512_and_si512(a.v, b.v)}; }
inline IVec operator|(IVec a, IVec b) noexcept { return {_mm512_or_si512(a.v, b.v)}; }
inline IVec operator^(IVec a, IVec b) noexcept { return {_mm512_xor_si512(a.v, b.v)}; }
template <int n> inline IVec shift_left(IVec a) noexcept { return {_mm512_slli_epi32(a.v, n)}; }
template <int n> inline IVec shift_right(IVec a) noexcept { return {_mm512_srai_epi32(a.v, n)}; }  // keeps the sign
// In each lane the number of that lane of `a` that `from` names.
inline Vec spread(Vec a, IVec from) noexcept { return {_mm512_permutexvar_ps(from.v, a.v)}; }

#elif defined(MEDTORCH_AVX2)

struct Vec {
  static constexpr int lanes = 8;
  __m256 v;
  using Mask = __m256;

  static Vec set(float x) noexcept { return {_mm256_set1_ps(x)}; }
  static Vec zero() noexcept { return {_mm256_setzero_ps()}; }
  static Vec load(const float* p) noexcept { return {_mm256_loadu_ps(p)}; }
  static Vec load(const float* p, int n) noexcept { return {_mm256_maskload_ps(p, first(n))}; }
  void store(float* p) const noexcept { _mm256_storeu_ps(p, v); }
  void store(float* p, int n) const noexcept { _mm256_maskstore_ps(p, first(n), v); }
  static __m256i first(int n) noexcept {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

struct IVec {
  __m256i v;
  static IVec set(std::int32_t x) noexcept { return {_mm256_set1_epi32(x)}; }
  static IVec load(const std::int32_t* p) noexcept { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))}; }
};

inline Vec operator+(Vec a, Vec b) noexcept { return {_mm256_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) noexcept { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) noexcept { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) noexcept { return {_mm256_div_ps(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) noexcept { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) noexcept { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
inline Vec sqrt(Vec a) noexcept { return {_mm256_sqrt_ps(a.v)}; }
inline Vec select(Vec::Mask m, Vec yes, Vec no) noexcept { return {_mm256_blendv_ps(no.v, yes.v, m)}; }
inline Vec::Mask less(Vec a, Vec b) noexcept { return _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ); }
inline Vec::Mask less_equal(Vec a, Vec b) noexcept { return _mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ); }
inline Vec::Mask equal(Vec a, Vec b) noexcept { return _mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ); }
inline Vec::Mask is_nan(Vec a) noexcept { return _mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q); }
inline Vec::Mask either(Vec::Mask a, Vec::Mask b) noexcept { return _mm256_or_ps(a, b); }
inline Vec::Mask both(Vec::Mask a, Vec::Mask b) noexcept { return _mm256_and_ps(a, b); }
inline IVec bits(Vec a) noexcept { return {_mm256_castps_si256(a.v)}; }
inline Vec floats(IVec a) noexcept { return {_mm256_castsi256_ps(a.v)}; }
inline IVec operator+(IVec a, IVec b) noexcept { return {_mm256_add_epi32(a.v, b.v)}; }
inline IVec operator-(IVec a, IVec b) noexcept { return {_mm256_sub_epi32(a.v, b.v)}; }
inline IVec operator&(IVec a, IVec b) noexcept { return {_mm256_and_si256(a.v, b.v)}; }
inline IVec operator|(IVec a, IVec b) noexcept { return {_mm256_or_si256(a.v, b.v)}; }
inline IVec operator^(IVec a, IVec b) noexcept { return {_mm256_xor_si256(a.v, b.v)}; }
template <int n> inline IVec shift_left(IVec a) noexcept { return {_mm256_slli_epi32(a.v, n)}; }
template <int n> inline IVec shift_right(IVec a) noexcept { return {_mm256_srai_epi32(a.v, n)}; }
inline Vec spread(Vec a, IVec from) noexcept { return {_mm256_permutevar8x32_ps(a.v, from.v)}; }

#elif defined(MEDTORCH_NEON)

struct Vec {
  static constexpr int lanes = 4;
  float32x4_t v;
  using Mask = uint32x4_t;

  static Vec set(float x) noexcept { return {vdupq_n_f32(x)}; }
  static Vec zero() noexcept { return {vdupq_n_f32(0.0f)}; }
  static Vec load(const float* p) noexcept { return {vld1q_f32(p)}; }
  static Vec load(const float* p, int n) noexcept {
    if (n >= 4) return load(p);
    float part[4] = {0, 0, 0, 0};
    for (int i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  void store(float* p) const noexcept { vst1q_f32(p, v); }
  void store(float* p, int n) const noexcept {
    if (n >= 4) return store(p);
    float part[4];
    store(part);
    for (int i = 0; i < n; ++i) p[i] = part[i];
  }
};

struct IVec {
  int32x4_t v;
  static IVec set(std::int32_t x) noexcept { return {vdupq_n_s32(x)}; }
  static IVec load(const std::int32_t* p) noexcept { return {vld1q_s32(p)}; }
};

inline Vec operator+(Vec a, Vec b) noexcept { return {vaddq_f32(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) noexcept { return {vsubq_f32(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) noexcept { return {vmulq_f32(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) noexcept { return {vdivq_f32(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) noexcept { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) noexcept { return {vfmsq_f32(c.v, a.v, b.v)}; }
inline Vec sqrt(Vec a) noexcept { return {vsqrtq_f32(a.v)}; }
inline Vec select(Vec::Mask m, Vec yes, Vec no) noexcept { return {vbslq_f32(m, yes.v, no.v)}; }
inline Vec::Mask less(Vec a, Vec b) noexcept { return vcltq_f32(a.v, b.v); }
inline Vec::Mask less_equal(Vec a, Vec b) noexcept { return vcleq_f32(a.v, b.v); }
inline Vec::Mask equal(Vec a, Vec b) noexcept { return vceqq_f32(a.v, b.v); }
inline Vec::Mask is_nan(Vec a) noexcept { return vmvnq_u32(vceqq_f32(a.v, a.v)); }
inline Vec::Mask either(Vec::Mask a, Vec::Mask b) noexcept { return vorrq_u32(a, b); }
inline Vec::Mask both(Vec::Mask a, Vec::Mask b) noexcept { return vandq_u32(a, b); }
inline IVec bits(Vec a) noexcept { return {vreinterpretq_s32_f32(a.v)}; }
inline Vec floats(IVec a) noexcept { return {vreinterpretq_f32_s32(a.v)}; }
inline IVec operator+(IVec a, IVec b) noexcept { return {vaddq_s32(a.v, b.v)}; }
inline IVec operator-(IVec a, IVec b) noexcept { return {vsubq_s32(a.v, b.v)}; }
inline IVec operator&(IVec a, IVec b) noexcept { return {vandq_s32(a.v, b.v)}; }
inline IVec operator|(IVec a, IVec b) noexcept { return {vorrq_s32(a.v, b.v)}; }
inline IVec operator^(IVec a, IVec b) noexcept { return {veorq_s32(a.v, b.v)}; }
template <int n> inline IVec shift_left(IVec a) noexcept { return {vshlq_n_s32(a.v, n)}; }
template <int n> inline IVec shift_right(IVec a) noexcept { return {vshrq_n_s32(a.v, n)}; }
inline Vec spread(Vec a, IVec from) noexcept {  // four bytes a lane
  const uint32x4_t bytes = vmlaq_n_u32(vdupq_n_u32(0x03020100u), vreinterpretq_u32_s32(from.v), 0x04040404u);
  return {vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(a.v), vreinterpretq_u8_u32(bytes)))};
}

#else  // scalar: one lane, the C library's exact fma

struct Vec {
  static constexpr int lanes = 1;
  float v;
  using Mask = bool;

  static Vec set(float x) noexcept { return {x}; }
  static Vec zero() noexcept { return {0.0f}; }
  static Vec load(const float* p) noexcept { return {*p}; }
  static Vec load(const float* p, int n) noexcept { return {n > 0 ? *p : 0.0f}; }
  void store(float* p) const noexcept { *p = v; }
  void store(float* p, int n) const noexcept {
    if (n > 0) *p = v;
  }
};

struct IVec {
  std::int32_t v;
  static IVec set(std::int32_t x) noexcept { return {x}; }
  static IVec load(const std::int32_t* p) noexcept { return {*p}; }
};

inline Vec operator+(Vec a, Vec b) noexcept { return {a.v + b.v}; }
inline Vec operator-(Vec a, Vec b) noexcept { return {a.v - b.v}; }
inline Vec operator*(Vec a, Vec b) noexcept { return {a.v * b.v}; }
inline Vec operator/(Vec a, Vec b) noexcept { return {a.v / b.v}; }
inline Vec fma(Vec a, Vec b, Vec c) noexcept { return {std::fmaf(a.v, b.v, c.v)}; }
inline Vec fnma(Vec a, Vec b, Vec c) noexcept { return {std::fmaf(-a.v, b.v, c.v)}; }
inline Vec sqrt(Vec a) noexcept { return {std::sqrt(a.v)}; }
inline Vec select(Vec::Mask m, Vec yes, Vec no) noexcept { return m ? yes : no; }
inline Vec::Mask less(Vec a, Vec b) noexcept { return a.v < b.v; }
inline Vec::Mask less_equal(Vec a, Vec b) noexcept { return a.v <= b.v; }
inline Vec::Mask equal(Vec a, Vec b) noexcept { return a.v == b.v; }
inline Vec::Mask is_nan(Vec a) noexcept { return a.v != a.v; }
inline Vec::Mask either(Vec::Mask a, Vec::Mask b) noexcept { return a || b; }
inline Vec::Mask both(Vec::Mask a, Vec::Mask b) noexcept { return a && b; }
inline IVec bits(Vec a) noexcept {
  std::int32_t i;
  std::memcpy(&i, &a.v, sizeof i);
  return {i};
}
inline Vec floats(IVec a) noexcept {
  float f;
  std::memcpy(&f, &a.v, sizeof f);
  return {f};
}
inline std::int32_t wrap(std::uint32_t x) noexcept {
  std::int32_t i;
  std::memcpy(&i, &x, sizeof i);
  return i;
}
inline std::uint32_t unwrap(IVec a) noexcept { return static_cast<std::uint32_t>(a.v); }
inline IVec operator+(IVec a, IVec b) noexcept { return {wrap(unwrap(a) + unwrap(b))}; }
inline IVec operator-(IVec a, IVec b) noexcept { return {wrap(unwrap(a) - unwrap(b))}; }
inline IVec operator&(IVec a, IVec b) noexcept { return {a.v & b.v}; }
inline IVec operator|(IVec a, IVec b) noexcept { return {a.v | b.v}; }
inline IVec operator^(IVec a, IVec b) noexcept { return {a.v ^ b.v}; }
template <int n> inline IVec shift_left(IVec a) noexcept { return {wrap(unwrap(a) << n)}; }
template <int n> inline IVec shift_right(IVec a) noexcept { return {a.v >> n}; }
inline Vec spread(Vec a, IVec) noexcept { return a; }

#endif

// Built from the above, so the same on every set.

inline Vec operator-(Vec a) noexcept { return floats(bits(a) ^ IVec::set(INT32_MIN)); }
inline Vec abs(Vec a) noexcept { return floats(bits(a) & IVec::set(INT32_MAX)); }
// The first where it is larger, else the second: a NaN in the first gives the second, a NaN in the second stays.
#if defined(MEDTORCH_AVX512)
inline Vec max(Vec a, Vec b) noexcept { return {_mm512_max_ps(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) noexcept { return {_mm512_min_ps(a.v, b.v)}; }
#elif defined(MEDTORCH_AVX2)
inline Vec max(Vec a, Vec b) noexcept { return {_mm256_max_ps(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) noexcept { return {_mm256_min_ps(a.v, b.v)}; }
#else
inline Vec max(Vec a, Vec b) noexcept { return select(less(b, a), a, b); }
inline Vec min(Vec a, Vec b) noexcept { return select(less(a, b), a, b); }
#endif
// torch's: NaN if either is.
inline Vec max_nan(Vec a, Vec b) noexcept { return select(is_nan(a), a, max(a, b)); }
inline Vec min_nan(Vec a, Vec b) noexcept { return select(is_nan(a), a, min(a, b)); }

}  // namespace medtorch::MEDTORCH_ISA
