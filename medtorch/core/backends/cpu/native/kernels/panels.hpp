// The right side of a product of matrices, packed panel by panel.
#pragma once

#include "../transpose.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {

// A matrix of `rows` terms, at b: floats from row to row and from column to column, one of which is 1.
struct RightSide {
  const float* b;
  Index rows, row, column;
};

inline void pack_panel(const RightSide& m, Index first, const Panel& p, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  const float* b = m.b + first * m.column;
  if (m.column == 1) {
    for (Index k = 0; k < m.rows; ++k)
      for (Index o = 0; o < p.width; o += lanes) {
        const Index left = p.channels - o;
        const float* from = b + k * m.row + o;
        const Vec v = left >= lanes ? Vec::load(from) : left > 0 ? Vec::load(from, static_cast<int>(left)) : Vec::zero();
        v.store(to + k * p.width + o);
      }
    return;
  }
  for (Index k = 0; k < m.rows; k += lanes)
    for (Index o = 0; o < p.width; o += lanes) {
      const Index columns = most<Index>(0, least(lanes, p.channels - o));
      transpose_block<true>(b + k + o * m.column, m.column, static_cast<int>(columns), static_cast<int>(least(lanes, m.rows - k)), to + k * p.width + o,
                            p.width);
    }
}

}  // namespace medtorch::MEDTORCH_ISA
