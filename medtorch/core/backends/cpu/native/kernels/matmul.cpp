// Products of matrices, on the tiles of tile.hpp: each number is a chain over blocks of 64 terms.
#include "../parallel.hpp"
#include "../transpose.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

void pack_panel(const Matmul& m, const float* b, const Panel& p, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  if (m.b_column == 1) {
    for (Index k = 0; k < m.inner; ++k)
      for (Index o = 0; o < p.width; o += lanes) {
        const Index left = p.channels - o;
        const float* from = b + k * m.b_row + o;
        const Vec v = left >= lanes ? Vec::load(from) : left > 0 ? Vec::load(from, static_cast<int>(left)) : Vec::zero();
        v.store(to + k * p.width + o);
      }
    return;
  }
  for (Index k = 0; k < m.inner; k += lanes)
    for (Index o = 0; o < p.width; o += lanes)
      transpose_block<true>(b + k + o * m.b_column, m.b_column, static_cast<int>(most<Index>(0, least(lanes, p.channels - o))),
                            static_cast<int>(least(lanes, m.inner - k)), to + k * p.width + o, p.width);
}

Index packed_size(const Matmul& m) noexcept { return (m.one_b ? 1 : m.batch) * packed_group(m.columns, m.inner); }

void pack(const Matmul& m, float* packed) noexcept {
  const Index panels = panels_of(m.columns), size = packed_group(m.columns, m.inner);
  parallel((m.one_b ? 1 : m.batch) * panels, most<Index>(1, 16384 / (panel * m.inner + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index number = at % panels, i = at / panels;
      pack_panel(m, m.b + m.b_at[i] + number * panel * m.b_column, Panel(m.columns, number), packed + i * size + number * panel * m.inner);
    }
  });
}

void run_panel(const Matmul& m, const Source& source, const Panel& p, Index begin, Index end, const float* w, const Result& out) noexcept {
  const Index tiles = divide_up(end - begin, p.rows);
  Windows windows;
  windows.inside = true;
  for (Index t = 0; t < tiles; ++t) {
    const Index row = begin + (end - begin) * t / tiles, height = begin + (end - begin) * (t + 1) / tiles - row;
    for (Index i = 0; i < height; ++i) {
      windows.at[i][0] = windows.at[i][1] = 0;
      windows.at[i][2] = row + i;
      windows.y[i] = (row + i) * m.columns;
    }
    p.tile(height)(source, windows, w, out);
  }
}

void run(const Matmul& m, const float* packed, const Epilogue& e) noexcept {
  const Index panels = panels_of(m.columns), size = packed_group(m.columns, m.inner);
  const bool few_weights = size <= (1 << 17);
  const Index parts = few_weights ? 1 : panels;
  const Index work = most<Index>(1, m.rows * m.inner * (few_weights ? m.columns : panel));
  const Index wanted = least(most<Index>(divide_up(work, Index{1} << 21), divide_up(16, most<Index>(1, m.batch * parts))), most<Index>(1, work >> 16));
  const Index stretches = most<Index>(1, least(wanted, divide_up(m.rows, 4 * most_rows)));
  parallel(m.batch * parts * stretches, most<Index>(1, (Index{1} << 16) / most<Index>(1, work / stretches)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index stretch = at % stretches, i = at / stretches % m.batch, part = at / stretches / m.batch;
      const Source source{m.a + m.a_at[i], nullptr, m.inner, {1, 1, 1}, {1, 1, 1}, {1, 1, m.rows}, {0, 0, m.a_row}, 1};
      const Index from = m.rows * stretch / stretches, until = m.rows * (stretch + 1) / stretches;
      for (Index number = few_weights ? 0 : part; number < (few_weights ? panels : part + 1); ++number) {
        const Panel p(m.columns, number);
        const Index first = number * panel, place = i * m.rows * m.columns + first;
        const Result out{m.y + place, nullptr, e.bias == nullptr ? nullptr : e.bias + first, e.residual == nullptr ? nullptr : e.residual + place,
                         e.activation, e.alpha, static_cast<int>(p.channels)};
        run_panel(m, source, p, from, until, packed + (m.one_b ? 0 : i) * size + number * panel * m.inner, out);
      }
    }
  });
}

}  // namespace

MatmulTable matmul_table() noexcept { return {packed_size, pack, run}; }

}  // namespace medtorch::MEDTORCH_ISA
