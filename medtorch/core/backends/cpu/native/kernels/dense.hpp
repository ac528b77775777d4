// Products of matrices whose left side is copied, a few rows at a time, into short rows that lie side by side: block after block of
// terms. The right side is packed in panels, before or on the way.
#pragma once

#include "../parallel.hpp"
#include "helping.hpp"
#include "product.hpp"
#include "rows.hpp"
#include "slots.hpp"

namespace medtorch::MEDTORCH_ISA {

// How the terms of a sum are cut into blocks: into units of `unit` terms, each of which is cut again after 64.
struct Blocks {
  Index terms, unit, per_unit, count, width;

  Blocks(Index terms_, Index unit_) noexcept
      : terms(terms_), unit(most<Index>(1, unit_)), per_unit(divide_up(unit, block_terms)), count(most<Index>(1, divide_up(terms, unit) * per_unit)),
        width(least(terms, unit) <= 32 ? 32 : block_terms) {}

  Index first(Index block) const noexcept { return block / per_unit * unit + block % per_unit * block_terms; }
  Index depth(Index block) const noexcept { return least(terms - first(block), least(block_terms, unit - block % per_unit * block_terms)); }
};

constexpr Index fewest_shared_weights = 1 << 16;  // of one row: reading fewer takes less time than waking threads up

// `matrices` products of (rows, terms) and (terms, outputs).
struct Dense {
  Index matrices, rows, outputs;
  Blocks blocks;
  Index panels, chunk, chunks;
  bool by_panels;  // threads share out the panels of one chunk, not the chunks

  Dense(Index matrices_, Index rows_, Index outputs_, Blocks blocks_, int threads) noexcept
      : matrices(matrices_), rows(rows_), outputs(outputs_), blocks(blocks_), panels(panels_of(outputs)) {
    const Index row = most<Index>(1, blocks.count * blocks.width), weights = outputs * blocks.terms;
    by_panels = weights > (1 << 15) && matrices * rows < 4 * product_rows * threads && panels > 1;
    // Copied rows stay in half of a second-level cache, or in a quarter where all weights stay beside them.
    const bool many = weights > (1 << 17);
    const Index fits = most<Index>(product_rows, (by_panels ? Index{1} << 20 : many ? Index{1} << 17 : Index{1} << 16) / row);
    const Index each = many ? 1 : 4;
    Index wanted = by_panels ? 1 : most<Index>(1, least(divide_up(each * threads, most<Index>(1, matrices)), (rows * weights) >> 19));
    if (matrices == 1 && wanted > threads) wanted = round_up(wanted, Index{threads});
    chunk = most<Index>(1, least(fits, divide_up(rows, wanted)));
    if (chunk > product_rows) chunk = round_up(chunk, product_rows);
    chunk = least(chunk, most<Index>(1, rows));
    chunks = divide_up(rows, chunk);
    chunk = most<Index>(1, divide_up(rows, chunks));
  }

  bool few() const noexcept { return matrices == 1 && rows >= 1 && rows <= few_product_rows && chunks == 1 && outputs > 0; }
  Index block_step() const noexcept { return chunk * blocks.width; }
  Index left() const noexcept { return blocks.count * block_step(); }
  Index places() const noexcept { return round_up(2 * chunk, 16); }  // an Index takes two floats
  Index totals() const noexcept { return chunk * panel; }
  Index weights() const noexcept { return panel * blocks.terms + 16; }
  Index scratch(int threads, bool packed) const noexcept {
    const Index own = totals() + (packed ? 0 : weights());
    return by_panels ? left() + places() + Slots::floats(own, threads) : Slots::floats(left() + places() + own, threads);
  }
};

// What will be added to the results of `count` rows comes near.
inline void fetch_residual(const Ending& end, const Index* at, Index count, Index width) noexcept {
  for (Index i = 0; i < count; ++i)
    for (Index o = 0; o < width; o += 16) __builtin_prefetch(end.residual + at[i] + o);
}

// One panel of a chunk of `count` rows, whose blocks lie `step` floats apart.
inline void multiply_chunk(const Blocks& blocks, Index step, const Panel& p, Index count, const float* left, const Index* at, const float* w,
                           float* totals, const Ending& end) noexcept {
  const Product* of = p.width == panel ? (blocks.width == 32 ? wide_short_products.of : wide_products.of)
                                       : (blocks.width == 32 ? narrow_short_products.of : narrow_products.of);
  const Index parts = divide_up(count, product_rows);
  for (Index block = 0; block < blocks.count; ++block) {
    const float* a = left + block * step;
    const float* from = w + blocks.first(block) * p.width;
    const Index depth = blocks.depth(block);
    for (Index part = 0; part < parts; ++part) {  // of nearly equal height: a thin last one would wait for its own sums
      const Index row = count * part / parts, height = count * (part + 1) / parts - row;
      if (end.residual != nullptr && block > 0 && block + 1 == blocks.count) fetch_residual(end, at + row, height, p.width);
      of[height](a + row * blocks.width, depth, from, {totals + row * p.width, at + row, block == 0, block + 1 == blocks.count}, end);
    }
  }
}

// Into how many parts rows are cut so that `threads` threads have nearly the same to do: 1 where panels do that.
inline Index parts_of(Index panels, Index rows, Index threads) noexcept {
  const auto idle = [&](Index parts) { return divide_up(panels * parts, threads) * threads - panels * parts; };
  const Index most_parts = least(threads, rows / product_rows);
  Index parts = 1;
  while (parts < most_parts && 10 * idle(parts) > panels * parts) ++parts;
  return parts;
}

// The wide panels [first, last) of all rows, R of them, some together.
template <int R, typename End, typename Packed>
void multiply_rows_of(const Dense& d, Index first, Index last, const float* left, const Index* at, const End& ending, const Packed& packed) noexcept {
  constexpr int together = R == 1 ? 4 : 2;  // as many chains as hide how long each multiply-add takes
  const auto end_of = [&](Index number) { return ending(Index{0}, number, Panel(d.outputs, number)); };
  Index number = first;
  for (; number + together <= last; number += together)
    rows_panels<R, together>(d, left, at, packed(0, number), [&](Index i) { return end_of(number + i); });
  for (; number < last; ++number) rows_panels<R, 1>(d, left, at, packed(0, number), [&](Index) { return end_of(number); });
}

template <typename End, typename Packed>
void multiply_rows(const Dense& d, Index first, Index last, const float* left, const Index* at, const End& ending, const Packed& packed) noexcept {
  if (d.rows == 1) multiply_rows_of<1>(d, first, last, left, at, ending, packed);
  else if (d.rows == 2) multiply_rows_of<2>(d, first, last, left, at, ending, packed);
  else multiply_rows_of<3>(d, first, last, left, at, ending, packed);
}

// copy(matrix, row, count, from_row, left, at): rows [row, row + count) of the left side into `left`, from row `from_row` of it on, and
// where their results go into `at`. ending(matrix, number, panel): what becomes of a panel. packed(matrix, number): its weights, or null;
// pack(matrix, number, panel, to): packs them.
template <typename Copy, typename End, typename Packed, typename Pack>
void run_dense(const Dense& d, const Copy& copy, const End& ending, const Packed& packed, const Pack& pack, float* scratch, int threads) noexcept {
  const bool plain = packed(0, 0) == nullptr;
  const Index own = d.totals() + (plain ? d.weights() : 0);
  const auto run_panel = [&](Index matrix, Index number, Index count, const float* left, const Index* at, float* memory) {
    const Panel p(d.outputs, number);
    const float* w = packed(matrix, number);
    if (plain) {
      pack(matrix, number, p, memory + d.totals());
      w = memory + d.totals();
    }
    multiply_chunk(d.blocks, d.block_step(), p, count, left, at, w, memory, ending(matrix, number, p));
  };
  if (d.few() && !plain) {
    Index* at = reinterpret_cast<Index*>(scratch + d.left());
    copy(Index{0}, Index{0}, d.rows, Index{0}, scratch, at);
    Slots slots(scratch + d.left() + d.places(), own, threads);
    const Index wide = Panel(d.outputs, d.panels - 1).width == panel ? d.panels : d.panels - 1;
    const Index shares = d.outputs * d.blocks.terms > fewest_shared_weights ? 2 * threads : 1;
    parallel(d.panels, divide_up(d.panels, shares), [&](Index begin, Index end) {
      multiply_rows(d, begin, least(end, wide), scratch, at, ending, packed);
      if (end <= wide) return;
      const Slot slot(slots);
      run_panel(Index{0}, wide, d.rows, scratch, at, slot.data);
    });
    return;
  }
  if (!d.by_panels) {
    const Index size = d.left() + d.places() + own;
    const auto places = [&](Index seat) { return reinterpret_cast<Index*>(scratch + seat * size + d.left()); };
    const auto first_row = [&](Index piece) { return piece % d.chunks * d.chunk; };
    const auto count = [&](Index piece) { return least(d.chunk, d.rows - first_row(piece)); };
    share_out(
        d.matrices * d.chunks, d.panels, threads,
        [&](Index seat, Index piece) { copy(piece / d.chunks, first_row(piece), count(piece), Index{0}, scratch + seat * size, places(seat)); },
        [&](Index seat, Index owner, Index piece, Index number) {
          run_panel(piece / d.chunks, number, count(piece), scratch + owner * size, places(owner), scratch + seat * size + d.left() + d.places());
        });
    return;
  }
  Index* at = reinterpret_cast<Index*>(scratch + d.left());
  for (Index matrix = 0; matrix < d.matrices; ++matrix)
    for (Index row = 0; row < d.rows; row += d.chunk) {
      const Index count = least(d.chunk, d.rows - row);
      parallel(count, most<Index>(1, 16384 / (d.blocks.terms + 1)), [&](Index begin, Index end) {
        copy(matrix, row + begin, end - begin, begin, scratch, at);
      });
      Slots slots(scratch + d.left() + d.places(), own, threads);
      const Index parts = plain ? 1 : parts_of(d.panels, count, threads);
      parallel(d.panels * parts, 1, [&](Index begin, Index end) {
        const Slot slot(slots);
        for (Index i = begin; i < end; ++i) {
          const Index part = i % parts, first = count * part / parts, until = count * (part + 1) / parts;
          run_panel(matrix, i / parts, until - first, scratch + first * d.blocks.width, at + first, slot.data);
        }
      });
    }
}

// `count` floats.
inline void copy_floats(const float* from, Index count, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  Index i = 0;
  for (; i + lanes <= count; i += lanes) Vec::load(from + i).store(to + i);
  if (i < count) Vec::load(from + i, static_cast<int>(count - i)).store(to + i, static_cast<int>(count - i));
}

}  // namespace medtorch::MEDTORCH_ISA
