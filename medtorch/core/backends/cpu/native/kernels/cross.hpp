// Products that sum over rows: m[i][o] = sum over rows r of a[r][i] * b[r][o], as gradients of weights are.
//
// The order of sums: rows are cut into blocks of 64; a block is a chain of fused multiply-adds from 0; blocks are added in order.
#pragma once

#include "product.hpp"

namespace medtorch::MEDTORCH_ISA {

// `a` has its columns in parts of 64 and `b` in panels: row after row of a part or a panel. m has `inputs` rows, panel after panel.
struct Cross {
  Index inputs, outputs, parts, width, panels;  // width: floats of a row of a part

  Cross(Index inputs_, Index outputs_) noexcept
      : inputs(inputs_), outputs(outputs_), parts(divide_up(inputs, block_terms)), width(least(block_terms, round_up(inputs, 16))),
        panels(panels_of(outputs)) {}

  Index a_floats(Index rows) const noexcept { return rows * parts * width; }
  Index b_floats(Index rows) const noexcept { return packed_group(outputs, rows); }
  Index m_floats() const noexcept { return packed_group(outputs, inputs); }
  // Floats of a row of both, equal on every kernel set.
  Index row_floats() const noexcept { return parts * width + round_up(outputs, 16); }
};

// A block of rows into R x C vectors of m, or added to them.
template <int R, int C>
void cross(const float* a, Index step, const float* b, Index count, float* m, bool first) noexcept {
  constexpr int lanes = Vec::lanes;
  Vec sum[R][C];
  clear(sum);
  for (Index k = 0; k < count; ++k, a += step, b += C * lanes) {
    Vec right[C];
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) right[j] = Vec::load(b + j * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const Vec v = Vec::set(a[i]);
#pragma GCC unroll 4
      for (int j = 0; j < C; ++j) sum[i][j] = fma(v, right[j], sum[i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) {
      float* to = m + (i * C + j) * lanes;
      (first ? sum[i][j] : Vec::load(to) + sum[i][j]).store(to);
    }
}

using CrossBlock = void (*)(const float*, Index, const float*, Index, float*, bool) noexcept;

template <int C>
struct CrossBlocks {
  CrossBlock of[product_rows + 1] = {};
  constexpr CrossBlocks() noexcept { fill<product_rows>(); }

 private:
  template <int R>
  constexpr void fill() noexcept {
    of[R] = &cross<R, C>;
    if constexpr (R > 1) fill<R - 1>();
  }
};

inline constexpr CrossBlocks<1> narrow_crosses{};
inline constexpr CrossBlocks<2> wide_crosses{};

// All blocks of one part and panel. `capacity` is the number of rows that a and b have room for, `rows` how many there are.
inline void cross_panel(const Cross& c, Index part, Index number, const float* a, Index a_capacity, const float* b, Index b_capacity, Index rows, float* m,
                        bool first) noexcept {
  const Panel p(c.outputs, number);
  const CrossBlock* of = p.width == panel ? wide_crosses.of : narrow_crosses.of;
  const Index channels = least(block_terms, c.inputs - part * block_terms), groups = divide_up(channels, product_rows);
  a += part * a_capacity * c.width;
  b += number * b_capacity * panel;
  m += number * c.inputs * panel + part * block_terms * p.width;
  for (Index row = 0; row < rows; row += block_terms)
    for (Index group = 0; group < groups; ++group) {
      const Index from = channels * group / groups, height = channels * (group + 1) / groups - from;
      of[height](a + row * c.width + from, c.width, b + row * p.width, least(block_terms, rows - row), m + from * p.width, first && row == 0);
    }
}

}  // namespace medtorch::MEDTORCH_ISA
