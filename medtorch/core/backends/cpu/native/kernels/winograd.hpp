// Winograd's minimal filtering of M results and 3 weights in each of two dims: N * N products instead of 9 * M * M.
//
// Points of F(4, 3): 0, +-5/8, +-3/2 and infinity, so that every number of the two transforms of images is exact in float32. The
// transform of weights divides by what is no power of two: it is computed in float64 and rounded once.
// Source: Lavin and Gray 2015, arXiv:1509.09308; choice of points as in Barabasz et al. 2018, arXiv:1803.10986.
#pragma once

#include "doubles.hpp"
#include "product.hpp"

namespace medtorch::MEDTORCH_ISA {

template <int M> struct Winograd;

template <>
struct Winograd<2> {
  static void input(const Vec (&d)[4], Vec (&v)[4]) noexcept {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
  }
  static void output(const Vec (&m)[4], Vec (&y)[2]) noexcept {
    y[0] = (m[0] + m[1]) + m[2];
    y[1] = (m[1] - m[2]) - m[3];
  }
  static void weight(const Doubles (&g)[3], Doubles (&u)[4]) noexcept {
    const Doubles even = g[0] + g[2], half = Doubles::set(0.5);
    u[0] = g[0];
    u[1] = (even + g[1]) * half;
    u[2] = (even - g[1]) * half;
    u[3] = g[2];
  }
};

template <>
struct Winograd<4> {
  static constexpr double a = 0.625, b = 1.5, aa = a * a, bb = b * b;

  static void input(const Vec (&d)[6], Vec (&v)[6]) noexcept {
    const Vec even_a = fnma(Vec::set(float(bb)), d[2], d[4]), odd_a = fnma(Vec::set(float(bb)), d[1], d[3]);
    const Vec even_b = fnma(Vec::set(float(aa)), d[2], d[4]), odd_b = fnma(Vec::set(float(aa)), d[1], d[3]);
    v[0] = fma(Vec::set(float(aa * bb)), d[0], fnma(Vec::set(float(aa + bb)), d[2], d[4]));
    v[1] = fma(Vec::set(float(a)), odd_a, even_a);
    v[2] = fnma(Vec::set(float(a)), odd_a, even_a);
    v[3] = fma(Vec::set(float(b)), odd_b, even_b);
    v[4] = fnma(Vec::set(float(b)), odd_b, even_b);
    v[5] = fma(Vec::set(float(aa * bb)), d[1], fnma(Vec::set(float(aa + bb)), d[3], d[5]));
  }
  static void output(const Vec (&m)[6], Vec (&y)[4]) noexcept {
    const Vec even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] + (even_a + even_b);
    y[1] = fma(Vec::set(float(a)), odd_a, Vec::set(float(b)) * odd_b);
    y[2] = fma(Vec::set(float(aa)), even_a, Vec::set(float(bb)) * even_b);
    y[3] = fma(Vec::set(float(a * aa)), odd_a, fma(Vec::set(float(b * bb)), odd_b, m[5]));
  }
  static void weight(const Doubles (&g)[3], Doubles (&u)[6]) noexcept {
    const Doubles at_a = Doubles::set(1.0 / (2.0 * aa * (aa - bb))), at_b = Doubles::set(1.0 / (2.0 * bb * (bb - aa)));
    const Doubles even_a = g[0] + Doubles::set(aa) * g[2], odd_a = Doubles::set(a) * g[1];
    const Doubles even_b = g[0] + Doubles::set(bb) * g[2], odd_b = Doubles::set(b) * g[1];
    u[0] = g[0] * Doubles::set(1.0 / (aa * bb));
    u[1] = (even_a + odd_a) * at_a;
    u[2] = (even_a - odd_a) * at_a;
    u[3] = (even_b + odd_b) * at_b;
    u[4] = (even_b - odd_b) * at_b;
    u[5] = g[2];
  }
};

// Terms of a block: `depth` channels of each of `count` slices of the kernel, whose rows of V lie `step` floats apart.
struct Terms {
  Index count, step, depth;
};

// A few rows of V times one panel of U, at most 64 terms, into M or added to it. Rows of V lie W apart, rows of M a panel.
template <int R, int C, int W>
void multiply(const float* a, const Terms& terms, const float* w, float* m, bool first) noexcept {
  constexpr int lanes = Vec::lanes;
  Vec sum[R][C];
  clear(sum);
  for (Index i = 0; i < terms.count; ++i, w += terms.depth * C * lanes) extend<R, C, W>(a + i * terms.step, terms.depth, w, sum);
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) {
      float* to = m + (i * C + j) * lanes;
      (first ? sum[i][j] : Vec::load(to) + sum[i][j]).store(to);
    }
}

using Multiply = void (*)(const float*, const Terms&, const float*, float*, bool) noexcept;

template <int C, int W>
struct Multiplies {
  Multiply of[product_rows + 1] = {};
  constexpr Multiplies() noexcept { fill<product_rows>(); }

 private:
  template <int R>
  constexpr void fill() noexcept {
    of[R] = &multiply<R, C, W>;
    if constexpr (R > 1) fill<R - 1>();
  }
};

// By vectors of a panel, and by floats from row to row: as many as there are inputs in a block.
inline constexpr Multiplies<1, 32> narrow_short_multiplies{};
inline constexpr Multiplies<2, 32> wide_short_multiplies{};
inline constexpr Multiplies<1, 64> narrow_multiplies{};
inline constexpr Multiplies<2, 64> wide_multiplies{};

}  // namespace medtorch::MEDTORCH_ISA
