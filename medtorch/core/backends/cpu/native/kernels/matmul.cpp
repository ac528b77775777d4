// Products of matrices: each number is a chain over blocks of 64 terms.
#include "dense.hpp"
#include "panels.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

RightSide right_side(const Matmul& m, Index matrix) noexcept { return {m.b + m.b_at[matrix], m.inner, m.b_row, m.b_column}; }

Index packed_size(const Matmul& m) noexcept { return (m.one_b ? 1 : m.batch) * packed_group(m.columns, m.inner); }

void pack(const Matmul& m, float* packed) noexcept {
  const Index panels = panels_of(m.columns), size = packed_group(m.columns, m.inner);
  parallel((m.one_b ? 1 : m.batch) * panels, most<Index>(1, 16384 / (panel * m.inner + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index number = at % panels, i = at / panels;
      pack_panel(right_side(m, i), number * panel, Panel(m.columns, number), packed + i * size + number * panel * m.inner);
    }
  });
}

Dense dense_of(const Matmul& m, int threads) noexcept { return Dense(m.batch, m.rows, m.columns, Blocks(m.inner, m.inner), threads); }

constexpr int few_rows = 4;

bool few(const Matmul& m) noexcept { return m.rows <= few_rows && m.b_row == 1 && m.b_column != 1; }

bool packs_itself(const Matmul& m, int threads) noexcept {
  if (few(m)) return true;
  const Dense d = dense_of(m, threads);
  return d.chunks == 1 && (m.batch == 1 || !m.one_b);
}

Index scratch_size(const Matmul& m, int threads, bool packed) noexcept { return dense_of(m, threads).scratch(threads, packed); }

// A few rows times right sides whose columns lie without gaps: their blocks are turned over in registers and used at once.
template <int R>
void run_few(const Matmul& m, const Epilogue& e) noexcept {
  constexpr Index lanes = Vec::lanes;
  const Index groups = divide_up(m.columns, lanes);
  parallel(m.batch * groups, most<Index>(1, 16384 / (m.inner * lanes + 1)), [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index matrix = at / groups, column = at % groups * lanes;
      const int left = static_cast<int>(least(lanes, m.columns - column));
      const float* a = m.a + m.a_at[matrix];
      const float* b = m.b + m.b_at[matrix] + column * m.b_column;
      float turned[lanes * lanes];
      Vec total[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) total[r] = Vec::zero();
      for (Index block = 0; block < m.inner; block += block_terms) {
        const Index until = least(m.inner, block + block_terms);
        Vec sum[R];
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) sum[r] = Vec::zero();
        for (Index k = block; k < until; k += lanes) {
          const Index terms = least(lanes, until - k);
          transpose_block<true>(b + k, m.b_column, left, static_cast<int>(terms), turned, lanes);
          for (Index t = 0; t < terms; ++t) {
            const Vec w = Vec::load(turned + t * lanes);
#pragma GCC unroll 4
            for (int r = 0; r < R; ++r) sum[r] = fma(Vec::set(a[r * m.a_row + k + t]), w, sum[r]);
          }
        }
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) total[r] = total[r] + sum[r];
      }
      for (int r = 0; r < R; ++r) {
        const Index place = (matrix * m.rows + r) * m.columns + column;
        Vec value = total[r];
        if (e.bias != nullptr) value = value + Vec::load(e.bias + column, left);
        if (e.residual != nullptr) value = value + Vec::load(e.residual + place, left);
        activate(value, e.activation, e.alpha).store(m.y + place, left);
      }
    }
  });
}

void run(const Matmul& m, const float* packed_b, const Epilogue& e, float* scratch, int threads) noexcept {
  if (packed_b == nullptr && few(m)) {
    if (m.rows == 1) return run_few<1>(m, e);
    if (m.rows == 2) return run_few<2>(m, e);
    if (m.rows == 3) return run_few<3>(m, e);
    if (m.rows == 4) return run_few<4>(m, e);
    return;
  }
  const Dense d = dense_of(m, threads);
  const Index size = packed_group(m.columns, m.inner), width = d.blocks.width;
  const auto copy = [&](Index matrix, Index row, Index count, Index from_row, float* left, Index* at) {
    for (Index i = 0; i < count; ++i) {
      const float* from = m.a + m.a_at[matrix] + (row + i) * m.a_row;
      at[from_row + i] = (row + i) * m.columns;
      for (Index block = 0; block < d.blocks.count; ++block)
        copy_floats(from + block * block_terms, d.blocks.depth(block), left + block * d.block_step() + (from_row + i) * width);
    }
  };
  const auto ending = [&](Index matrix, Index number, const Panel& p) {
    const Index first = number * panel, place = matrix * m.rows * m.columns + first;
    return Ending{m.y + place, nullptr, e.bias == nullptr ? nullptr : e.bias + first, e.residual == nullptr ? nullptr : e.residual + place, e.activation,
                  e.alpha, static_cast<int>(p.channels)};
  };
  const auto packed = [&](Index matrix, Index number) {
    return packed_b == nullptr ? nullptr : packed_b + (m.one_b ? 0 : matrix) * size + number * panel * m.inner;
  };
  const auto pack_one = [&](Index matrix, Index number, const Panel& p, float* to) {
    pack_panel(right_side(m, matrix), number * panel, p, to);
  };
  run_dense(d, copy, ending, packed, pack_one, scratch, threads);
}

}  // namespace

MatmulTable matmul_table() noexcept { return {packed_size, pack, packs_itself, scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
