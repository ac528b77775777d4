// Square blocks of lanes x lanes turned over in registers.
#pragma once

#include "simd.hpp"

namespace medtorch::MEDTORCH_ISA {

#if defined(MEDTORCH_AVX512)

inline void transpose(Vec (&r)[16]) noexcept {
  __m512 a[16], b[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    a[2 * i] = _mm512_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    a[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512d p = _mm512_castps_pd(a[4 * i]), q = _mm512_castps_pd(a[4 * i + 1]);
    const __m512d s = _mm512_castps_pd(a[4 * i + 2]), t = _mm512_castps_pd(a[4 * i + 3]);
    b[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(p, s));
    b[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(p, s));
    b[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(q, t));
    b[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(q, t));
  }
  // b[4 g + j] holds, in each quarter k, column 4 k + j of rows 4 g .. 4 g + 3.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 low01 = _mm512_shuffle_f32x4(b[j], b[4 + j], 0x44), high01 = _mm512_shuffle_f32x4(b[j], b[4 + j], 0xee);
    const __m512 low23 = _mm512_shuffle_f32x4(b[8 + j], b[12 + j], 0x44), high23 = _mm512_shuffle_f32x4(b[8 + j], b[12 + j], 0xee);
    r[j].v = _mm512_shuffle_f32x4(low01, low23, 0x88);
    r[4 + j].v = _mm512_shuffle_f32x4(low01, low23, 0xdd);
    r[8 + j].v = _mm512_shuffle_f32x4(high01, high23, 0x88);
    r[12 + j].v = _mm512_shuffle_f32x4(high01, high23, 0xdd);
  }
}

#elif defined(MEDTORCH_AVX2)

inline void transpose(Vec (&r)[8]) noexcept {
  __m256 a[8], b[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm256_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    a[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    b[4 * i] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
    b[4 * i + 1] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
    b[4 * i + 2] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
    b[4 * i + 3] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    r[j].v = _mm256_permute2f128_ps(b[j], b[4 + j], 0x20);
    r[4 + j].v = _mm256_permute2f128_ps(b[j], b[4 + j], 0x31);
  }
}

#elif defined(MEDTORCH_NEON)

inline void transpose(Vec (&r)[4]) noexcept {
  const float32x4_t a = vtrn1q_f32(r[0].v, r[1].v), b = vtrn2q_f32(r[0].v, r[1].v);
  const float32x4_t c = vtrn1q_f32(r[2].v, r[3].v), d = vtrn2q_f32(r[2].v, r[3].v);
  r[0].v = vreinterpretq_f32_f64(vtrn1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(c)));
  r[1].v = vreinterpretq_f32_f64(vtrn1q_f64(vreinterpretq_f64_f32(b), vreinterpretq_f64_f32(d)));
  r[2].v = vreinterpretq_f32_f64(vtrn2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(c)));
  r[3].v = vreinterpretq_f32_f64(vtrn2q_f64(vreinterpretq_f64_f32(b), vreinterpretq_f64_f32(d)));
}

#else

inline void transpose(Vec (&)[1]) noexcept {}

#endif

// to[j][i] = from[i][j] for `rows` rows of `columns` each; distances of rows in floats. `whole` writes whole vectors, with zeros
// for the rows that are not there: `to` has room for them.
template <bool whole>
inline void transpose_block(const float* from, std::int64_t from_row, int rows, int columns, float* to, std::int64_t to_row) noexcept {
  constexpr int lanes = Vec::lanes;
  Vec r[lanes];
  if (rows >= lanes && columns >= lanes) {
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) r[i] = Vec::load(from + i * from_row);
  } else {
    for (int i = 0; i < lanes; ++i) r[i] = i < rows ? Vec::load(from + i * from_row, columns) : Vec::zero();
  }
  transpose(r);
  if (columns >= lanes && (whole || rows >= lanes)) {
#pragma GCC unroll 16
    for (int j = 0; j < lanes; ++j) r[j].store(to + j * to_row);
  } else {
    const int most = columns < lanes ? columns : lanes;
    for (int j = 0; j < most; ++j) r[j].store(to + j * to_row, whole ? lanes : rows);
  }
}

}  // namespace medtorch::MEDTORCH_ISA
