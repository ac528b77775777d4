// The micro-kernel of everything dense: a few rows by a few vectors of output channels, held in registers while up to 64 terms of their
// sums go by. The left side lies in short rows of W floats, the right side in panels.
#pragma once

#include "../activations.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {

#if defined(MEDTORCH_AVX512)
constexpr int product_rows = 12;  // 14 would fit, and measured 7 % slower
#elif defined(MEDTORCH_AVX2)
constexpr int product_rows = 6;
#elif defined(MEDTORCH_NEON)
constexpr int product_rows = 12;
#else
constexpr int product_rows = 4;
#endif

template <int R, int C>
inline __attribute__((always_inline)) void clear(Vec (&sum)[R][C]) noexcept {
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) sum[i][j] = Vec::zero();
}

// Chains of fused multiply-adds grow by `depth` terms.
template <int R, int C, int W>
inline __attribute__((always_inline)) void extend(const float* a, Index depth, const float* w, Vec (&sum)[R][C]) noexcept {
  constexpr int lanes = Vec::lanes;
  constexpr Index ahead = 4096;  // floats: 16 KB, or weights wait for memory
  for (Index k = 0; k < depth; ++k, w += C * lanes) {
    Vec b[C];
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) {
      b[j] = Vec::load(w + j * lanes);
      __builtin_prefetch(w + ahead + j * lanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const Vec v = Vec::set(a[i * W + k]);
#pragma GCC unroll 4
      for (int j = 0; j < C; ++j) sum[i][j] = fma(v, b[j], sum[i][j]);
    }
  }
}

// What becomes of a finished sum.
struct Ending {
  float* y;
  const float* bias;      // of this panel, or null: what the sum starts from
  const float* end_bias;  // of this panel, or null: what is added to the finished sum
  const float* residual;  // laid out as y, or null
  Activation activation;
  float alpha;
  int channels;  // of this panel
};

// Where in the sum a block is.
struct Step {
  float* total;     // R x C vectors, of the blocks before
  const Index* at;  // where the rows of y begin, in floats
  bool first, last;
};

// A finished block is added to the blocks before it; the last one ends the sum.
template <int R, int C>
inline __attribute__((always_inline)) void finish(Vec (&sum)[R][C], const Step& step, const Ending& end) noexcept {
  constexpr int lanes = Vec::lanes;
  for (int j = 0; j < C; ++j) {
    const int left = end.channels - j * lanes;
    const Vec start = !step.first || end.bias == nullptr || left <= 0 ? Vec::zero() : Vec::load(end.bias + j * lanes, left);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) sum[i][j] = (step.first ? start : Vec::load(step.total + (i * C + j) * lanes)) + sum[i][j];
  }
  if (!step.last) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < C; ++j) sum[i][j].store(step.total + (i * C + j) * lanes);
    return;
  }
  const bool plain = end.end_bias == nullptr && end.residual == nullptr;
  const Cut cut(end.activation);
#pragma GCC unroll 4
  for (int j = 0; j < C; ++j) {
    const int left = end.channels - j * lanes;
    if (left <= 0) break;
    const Vec bias = end.end_bias == nullptr ? Vec::zero() : Vec::load(end.end_bias + j * lanes, left);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const Index to = step.at[i] + j * lanes;
      Vec value = sum[i][j];
      if (!plain) {
        if (end.end_bias != nullptr) value = value + bias;
        if (end.residual != nullptr) value = value + Vec::load(end.residual + to, left);
      }
      value = cut(value);
      if (left >= lanes) value.store(end.y + to);
      else value.store(end.y + to, left);
    }
  }
  if (!only_cuts(end.activation)) activate_rows(end.y, step.at, R, least<Index>(end.channels, C * lanes), end.activation, end.alpha);
}

template <int R, int C, int W>
void product(const float* a, Index depth, const float* w, const Step& step, const Ending& end) noexcept {
  Vec sum[R][C];
  clear(sum);
  extend<R, C, W>(a, depth, w, sum);
  finish(sum, step, end);
}

using Product = void (*)(const float*, Index, const float*, const Step&, const Ending&) noexcept;

template <int C, int W>
struct Products {
  Product of[product_rows + 1] = {};
  constexpr Products() noexcept { fill<product_rows>(); }

 private:
  template <int R>
  constexpr void fill() noexcept {
    of[R] = &product<R, C, W>;
    if constexpr (R > 1) fill<R - 1>();
  }
};

// By vectors of a panel, and by floats from row to row.
inline constexpr Products<1, 32> narrow_short_products{};
inline constexpr Products<2, 32> wide_short_products{};
inline constexpr Products<1, 64> narrow_products{};
inline constexpr Products<2, 64> wide_products{};

}  // namespace medtorch::MEDTORCH_ISA
