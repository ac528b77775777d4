// Products of one to three rows: each weight is used once for each row, so reading weights is all of the work. Several panels go by at
// once, or chains of multiply-adds would wait for their own sums; the order of sums is that of every product.
#pragma once

#include "product.hpp"

namespace medtorch::MEDTORCH_ISA {

constexpr Index few_product_rows = 3;

// `R` rows times `P` wide panels, `step` floats apart, of which `ending(i)` tells what becomes: one block.
template <int R, int P, int W, typename End>
inline __attribute__((always_inline)) void rows_block(const float* a, Index depth, const float* w, Index step, float* totals, const Step& place,
                                                      const End& ending) noexcept {
  constexpr int lanes = Vec::lanes;
  Vec sum[P][R][2];
#pragma GCC unroll 4
  for (int i = 0; i < P; ++i) clear(sum[i]);
  for (Index k = 0; k < depth; ++k, w += panel) {
    Vec x[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) x[r] = Vec::set(a[r * W + k]);
#pragma GCC unroll 4
    for (int i = 0; i < P; ++i) {
      const Vec first = Vec::load(w + i * step), second = Vec::load(w + i * step + lanes);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        sum[i][r][0] = fma(x[r], first, sum[i][r][0]);
        sum[i][r][1] = fma(x[r], second, sum[i][r][1]);
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < P; ++i) finish(sum[i], {totals + i * R * panel, place.at, place.first, place.last}, ending(i));
}

// All blocks of P panels; D is a Dense.
template <int R, int P, typename D, typename End>
void rows_panels(const D& d, const float* left, const Index* at, const float* w, const End& ending) noexcept {
  alignas(64) float totals[P * R * panel] = {};
  const Index step = panel * d.blocks.terms;
  for (Index block = 0; block < d.blocks.count; ++block) {
    const Step place{nullptr, at, block == 0, block + 1 == d.blocks.count};
    const float *a = left + block * d.block_step(), *from = w + d.blocks.first(block) * panel;
    if (d.blocks.width == 32) rows_block<R, P, 32>(a, d.blocks.depth(block), from, step, totals, place, ending);
    else rows_block<R, P, 64>(a, d.blocks.depth(block), from, step, totals, place, ending);
  }
}

}  // namespace medtorch::MEDTORCH_ISA
