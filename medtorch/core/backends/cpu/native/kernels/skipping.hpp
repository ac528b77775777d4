// Convolutions whose windows see much padding, as those of wide dilation do: place after place of the kernel, and of each only the
// results for which it lies inside of the image. What is left out are products of zeros and finite weights, so the sums are those that
// tile.hpp tells. Weights of infinity or NaN make other products: whether there are any is found when weights are packed.
#pragma once

#include "dense.hpp"

namespace medtorch::MEDTORCH_ISA {

// A block of one place of the kernel and up to 64 channels; no block goes over several places.
inline bool may_skip(const ConvShape& s) noexcept { return s.groups == 1 && s.taps() > 1 && s.kernel[2] * s.inputs > block_terms; }

inline bool skips(const ConvShape& s) noexcept {
  Index inside = 1;
  for (int d = 0; d < 3; ++d) inside *= s.products(d);
  return may_skip(s) && !s.stretches && s.pixels() >= 64 && 10 * inside <= 7 * s.pixels() * s.taps();
}

// What says that all weights of a panel are finite: a float for each panel, behind the packed weights.
inline Index signs(const ConvShape& s) noexcept { return may_skip(s) ? round_up(panels_of(s.outputs), 16) : 0; }

inline bool all_finite(const float* x, Index count) noexcept {
  constexpr Index lanes = Vec::lanes;
  Vec doubt = Vec::zero();
  for (Index i = 0; i < count; i += lanes) {  // whole vectors, as panels are
    const Vec v = Vec::load(x + i);
    doubt = doubt + (v - v);
  }
  float gaps[lanes];
  doubt.store(gaps);
  bool finite = true;
  for (Index i = 0; i < lanes; ++i) finite = finite && gaps[i] == 0.0f;
  return finite;
}

// A block of a few rows, added to the totals of the results that they belong to: `at[i]` rows from the first.
template <int R, int C, int W>
void add_block(const float* a, Index depth, const float* w, float* totals, const Index* at) noexcept {
  constexpr int lanes = Vec::lanes;
  Vec sum[R][C];
  clear(sum);
  extend<R, C, W>(a, depth, w, sum);
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    float* to = totals + at[i] * (C * lanes);
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) (Vec::load(to + j * lanes) + sum[i][j]).store(to + j * lanes);
  }
}

using AddBlock = void (*)(const float*, Index, const float*, float*, const Index*) noexcept;

template <int C, int W>
struct AddBlocks {
  AddBlock of[product_rows + 1] = {};
  constexpr AddBlocks() noexcept { fill<product_rows>(); }

 private:
  template <int R>
  constexpr void fill() noexcept {
    of[R] = &add_block<R, C, W>;
    if constexpr (R > 1) fill<R - 1>();
  }
};

inline constexpr AddBlocks<1, block_terms> narrow_blocks{};
inline constexpr AddBlocks<2, block_terms> wide_blocks{};

// Lines of results that are computed together, by some of the panels where there are more threads than lines.
struct Skipping {
  const ConvShape& s;
  Index lines, chunk, chunks, panels, shares;

  Skipping(const ConvShape& shape, int threads) noexcept : s(shape), lines(s.count[0] * s.count[1]), panels(panels_of(s.outputs)) {
    // Totals and one block of rows stay in half of a second-level cache.
    const Index line = most<Index>(1, s.count[2] * (panels * panel + block_terms)), wanted = divide_up(threads, most<Index>(1, s.n));
    chunks = most(divide_up(lines, most<Index>(1, (Index{1} << 17) / line)), least(wanted, lines));
    chunk = most<Index>(1, divide_up(lines, most<Index>(1, chunks)));
    chunks = divide_up(lines, chunk);
    shares = most<Index>(1, least(panels, divide_up(threads, most<Index>(1, s.n * chunks))));
  }

  Index rows() const noexcept { return chunk * s.count[2]; }
  Index left() const noexcept { return rows() * block_terms; }
  Index places() const noexcept { return round_up(2 * rows(), 16); }  // an Index takes two floats
  Index own() const noexcept { return left() + rows() * panels * panel + 2 * places(); }
  Index scratch(int threads) const noexcept { return Slots::floats(own(), threads); }
};

// The rows of a chunk for which one place of the kernel lies inside of the image, and where their inputs begin.
struct Inside {
  Index count = 0;
  Index *rows, *from;

  Inside(const ConvShape& s, Index line, Index lines, const Index (&tap)[3], Index* rows_, Index* from_) noexcept : rows(rows_), from(from_) {
    for (Index i = 0; i < lines; ++i) {
      const Index z = (line + i) / s.count[1] * s.stride[0] - s.before[0] + tap[0] * s.dilation[0];
      const Index y = (line + i) % s.count[1] * s.stride[1] - s.before[1] + tap[1] * s.dilation[1];
      if (z < 0 || z >= s.size[0] || y < 0 || y >= s.size[1]) continue;
      for (Index column = s.first_inside(2, tap[2]); column < s.last_inside(2, tap[2]); ++column) {
        const Index x = column * s.stride[2] - s.before[2] + tap[2] * s.dilation[2];
        rows[count] = i * s.count[2] + column;
        from[count++] = z * s.x_stride[0] + y * s.x_stride[1] + x * s.x_stride[2];
      }
    }
  }
};

// Panels [panel_from, panel_until) of one chunk.
struct SkippingChunk {
  const Skipping& work;
  Index line, lines, first_panel, last_panel;

  Index rows() const noexcept { return lines * work.s.count[2]; }
  float* totals_of(float* totals, Index number) const noexcept { return totals + number * work.rows() * panel; }

  void start(const float* bias, float* totals) const noexcept {
    for (Index number = first_panel; number < last_panel; ++number) {
      const Panel p(work.s.outputs, number);
      float* to = totals_of(totals, number);
      for (Index i = 0; i < rows(); ++i)
        for (Index o = 0; o < p.width; ++o) *to++ = bias == nullptr || o >= p.channels ? 0.0f : bias[number * panel + o];
    }
  }

  // All blocks of term [first, first + inputs): those of one place of the kernel.
  void add_place(const Inside& inside, const float* image, const float* packed, Index first, float* left, float* totals) const noexcept {
    const ConvShape& s = work.s;
    const Index parts = divide_up(inside.count, product_rows);
    for (Index c = 0; c < s.inputs; c += block_terms) {
      const Index depth = least(block_terms, s.inputs - c);
      for (Index i = 0; i < inside.count; ++i) copy_floats(image + inside.from[i] + c, depth, left + i * block_terms);
      for (Index number = first_panel; number < last_panel; ++number) {
        const Panel p(s.outputs, number);
        const AddBlock* of = p.width == panel ? wide_blocks.of : narrow_blocks.of;
        const float* w = packed + number * panel * s.terms() + (first + c) * p.width;
        for (Index part = 0; part < parts; ++part) {
          const Index row = inside.count * part / parts, height = inside.count * (part + 1) / parts - row;
          of[height](left + row * block_terms, depth, w, totals_of(totals, number), inside.rows + row);
        }
      }
    }
  }

  void finish(const Epilogue& e, float* y, float* totals, Index* at) const noexcept {
    const ConvShape& s = work.s;
    for (Index i = 0; i < rows(); ++i) {
      const Index in = line + i / s.count[2];
      at[i] = in / s.count[1] * s.y_stride[0] + in % s.count[1] * s.y_stride[1] + i % s.count[2] * s.y_stride[2];
    }
    const Index parts = divide_up(rows(), product_rows);
    for (Index number = first_panel; number < last_panel; ++number) {
      const Panel p(s.outputs, number);
      const Product* of = p.width == panel ? wide_products.of : narrow_products.of;
      const Ending end{y + number * panel, nullptr, nullptr, e.residual == nullptr ? nullptr : e.residual + number * panel, e.activation, e.alpha,
                       static_cast<int>(p.channels)};
      for (Index part = 0; part < parts; ++part) {
        const Index row = rows() * part / parts, height = rows() * (part + 1) / parts - row;
        of[height](totals, 0, totals, {totals_of(totals, number) + row * p.width, at + row, false, true}, end);  // no further terms
      }
    }
  }
};

inline void run_skipping(const ConvShape& s, const float* x, const float* packed, const Epilogue& e, float* y, float* scratch, int threads) noexcept {
  const Skipping work(s, threads);
  Slots slots(scratch, work.own(), threads);
  parallel(s.n * work.chunks * work.shares, 1, [&](Index begin, Index end) {
    const Slot slot(slots);
    float* totals = slot.data + work.left();
    Index* rows = reinterpret_cast<Index*>(totals + work.rows() * work.panels * panel);
    Index* from = rows + work.places() / 2;
    for (Index i = begin; i < end; ++i) {
      const Index image = i / work.shares / work.chunks, line = i / work.shares % work.chunks * work.chunk, share = i % work.shares;
      const SkippingChunk chunk{work, line, least(work.chunk, work.lines - line), work.panels * share / work.shares,
                                work.panels * (share + 1) / work.shares};
      chunk.start(e.bias, totals);
      Index first = 0;
      for (Index a = 0; a < s.kernel[0]; ++a)
        for (Index b = 0; b < s.kernel[1]; ++b)
          for (Index c = 0; c < s.kernel[2]; ++c, first += s.inputs) {
            const Inside inside(s, line, chunk.lines, {a, b, c}, rows, from);
            chunk.add_place(inside, x + image * s.x_image, packed, first, slot.data, totals);
          }
      const Epilogue of_image{e.bias, e.residual == nullptr ? nullptr : e.residual + image * s.y_image, e.activation, e.alpha};
      chunk.finish(of_image, y + image * s.y_image, totals, rows);
    }
  });
}

}  // namespace medtorch::MEDTORCH_ISA
