// Convolutions of 3x3 places with stride 1 by Winograd's algorithm: images to tiles of N x N, N * N products of matrices, and back.
//
// The order of sums: a product is a chain of fused multiply-adds over up to 64 input channels from 0, chains are added in order;
// the transforms are written out in winograd.hpp, first along rows, then along columns; the bias is added to the result, then the
// residual. Tiles begin at the image's first result, so nothing depends on the batch; threads share out tiles and channels.
//
// A number that is not finite, or too large, spoils its whole tile: an image in which a result is not finite is reported (`unsure`),
// and the caller computes it anew by the direct algorithm.
#include "winograd.hpp"

#include "../parallel.hpp"
#include "packing.hpp"
#include "slots.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

constexpr Index spread = 16;  // floats between planes, or planes of a power of two fall into the same lines of the cache

template <int M>
struct Work {
  static constexpr int N = M + 2, planes = N * N;

  const ConvShape& s;
  Index down, across, tiles;  // of one image
  Index blocks, width;        // of input channels; floats of a row of V in a block
  Index panels;
  Index chunk;                // tiles that are worked on together
  bool shared;                // by all threads, or each thread has a chunk of its own

  Work(const ConvShape& shape, int threads) noexcept
      : s(shape), down(divide_up(s.count[1], M)), across(divide_up(s.count[2], M)), tiles(s.count[0] * down * across),
        blocks(divide_up(s.inputs, block_terms)), width(least(block_terms, round_up(s.inputs, 16))), panels(panels_of(s.outputs)) {
    const Index all = s.n * tiles, weights = planes * s.inputs * s.outputs, tile_floats = planes * (blocks * width + panels * panel);
    // Weights that a core's second-level cache holds may be read again for every chunk; others are read once for many tiles.
    const Index fits = most<Index>(product_rows, (Index{1} << 17) / tile_floats / product_rows * product_rows);
    shared = threads > 1 && (all < 2 * threads * least<Index>(fits, 8) || (weights > (Index{1} << 18) && all < threads * 3 * product_rows));
    if (!shared && weights > (Index{1} << 20)) shared = true;
    if (shared) {
      const Index room = most<Index>(product_rows, (Index{1} << 21) / tile_floats);
      chunk = divide_up(all, divide_up(all, room));
    } else {
      const Index most_tiles = least<Index>(fits, 2 * product_rows), rounds = round_up(divide_up(all, most_tiles), threads);
      chunk = most<Index>(1, divide_up(all, rounds));
    }
  }

  Index v_plane() const noexcept { return chunk * blocks * width + spread; }
  Index m_plane() const noexcept { return chunk * panels * panel + spread; }
  Index floats() const noexcept { return planes * (v_plane() + m_plane()); }
};

struct Place {
  Index image, z, y, x;  // of a tile's first result
};

template <int M>
Place place_of(const Work<M>& work, Index tile) noexcept {
  const Index in_image = tile % work.tiles;
  return {tile / work.tiles, in_image / work.across / work.down, in_image / work.across % work.down * M, in_image % work.across * M};
}

// Tile `tile` of the batch, number `row` of its chunk, into V. `zeros` is what padding reads.
template <int M>
void read_tile(const Work<M>& work, const float* x, const float* zeros, Index tile, Index row, float* v) noexcept {
  constexpr int N = Work<M>::N, lanes = Vec::lanes;
  const ConvShape& s = work.s;
  const Place at = place_of(work, tile);
  const float* from[N][N];
  const float* image = x + at.image * s.x_image + at.z * s.x_stride[0];
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j) {
      const Index y = at.y - s.before[1] + i, column = at.x - s.before[2] + j;
      const bool inside = y >= 0 && y < s.size[1] && column >= 0 && column < s.size[2];
      from[i][j] = inside ? image + y * s.x_stride[1] + column * s.x_stride[2] : zeros;
    }
  const Index plane = work.v_plane();
  for (Index c = 0; c < s.inputs; c += lanes) {
    const int left = static_cast<int>(least<Index>(lanes, s.inputs - c));
    Vec half[N][N];
#pragma GCC unroll 6
    for (int i = 0; i < N; ++i) {
      Vec d[N];
      if (left == lanes) {
#pragma GCC unroll 6
        for (int j = 0; j < N; ++j) d[j] = Vec::load(from[i][j] + c);
      } else {
#pragma GCC unroll 6
        for (int j = 0; j < N; ++j) d[j] = Vec::load(from[i][j] + c, left);
      }
      Winograd<M>::input(d, half[i]);
    }
    float* to = v + (c / block_terms * work.chunk + row) * work.width + c % block_terms;
#pragma GCC unroll 6
    for (int j = 0; j < N; ++j) {
      Vec d[N], out[N];
#pragma GCC unroll 6
      for (int i = 0; i < N; ++i) d[i] = half[i][j];
      Winograd<M>::input(d, out);
#pragma GCC unroll 6
      for (int i = 0; i < N; ++i) out[i].store(to + (i * N + j) * plane);
    }
  }
}

// One plane and panel of the products of all `count` tiles of a chunk.
template <int M>
void multiply_panel(const Work<M>& work, const float* packed, Index plane, Index number, Index count, const float* v, float* m) noexcept {
  const ConvShape& s = work.s;
  const Panel p(s.outputs, number);
  const Multiply* of = p.width == panel ? wide_multiplies.of : narrow_multiplies.of;
  const float* w = packed + plane * packed_group(s.outputs, s.inputs) + number * panel * s.inputs;
  const float* a = v + plane * work.v_plane();
  float* to = m + plane * work.m_plane() + number * work.chunk * panel;
  const Index parts = divide_up(count, product_rows);
  for (Index block = 0; block < work.blocks; ++block) {
    const Index depth = least(block_terms, s.inputs - block * block_terms);
    for (Index part = 0; part < parts; ++part) {
      const Index from = count * part / parts, height = count * (part + 1) / parts - from;
      of[height](a + (block * work.chunk + from) * work.width, work.width, depth, w, to + from * p.width, block == 0);
    }
    w += depth * p.width;
  }
}

// The results of one tile in the channels of a panel.
template <int M>
void write_tile(const Work<M>& work, const Epilogue& e, Index tile, Index row, Index number, const float* m, float* y, unsigned char* unsure) noexcept {
  constexpr int N = Work<M>::N, lanes = Vec::lanes;
  const ConvShape& s = work.s;
  const Panel p(s.outputs, number);
  const Place at = place_of(work, tile);
  const Index plane = work.m_plane(), first = number * panel;
  const Index place = at.image * s.y_image + at.z * s.y_stride[0] + at.y * s.y_stride[1] + at.x * s.y_stride[2] + first;
  const int height = static_cast<int>(least<Index>(M, s.count[1] - at.y)), length = static_cast<int>(least<Index>(M, s.count[2] - at.x));
  const float* from = m + number * work.chunk * panel + row * p.width;
  Vec doubt = Vec::zero();
  for (Index c = 0; c < p.channels; c += lanes) {
    const int left = static_cast<int>(least<Index>(lanes, p.channels - c));
    Vec half[M][N];
#pragma GCC unroll 6
    for (int j = 0; j < N; ++j) {
      Vec column[N], out[M];
#pragma GCC unroll 6
      for (int i = 0; i < N; ++i) column[i] = Vec::load(from + (i * N + j) * plane + c);
      Winograd<M>::output(column, out);
#pragma GCC unroll 4
      for (int i = 0; i < M; ++i) half[i][j] = out[i];
    }
    const Vec bias = e.bias == nullptr ? Vec::zero() : Vec::load(e.bias + first + c, left);
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) {
      Vec out[M];
      Winograd<M>::output(half[i], out);
      if (i >= height) continue;
#pragma GCC unroll 4
      for (int j = 0; j < M; ++j) {
        if (j >= length) continue;
        const Index to = place + i * s.y_stride[1] + j * s.y_stride[2] + c;
        Vec value = out[j] + bias;
        doubt = doubt + (out[j] - out[j]);  // 0 where finite, else NaN
        if (e.residual != nullptr) value = value + Vec::load(e.residual + to, left);
        value = activate(value, e.activation, e.alpha);
        if (left == lanes) value.store(y + to);
        else value.store(y + to, left);
      }
    }
  }
  float gaps[lanes];
  doubt.store(gaps);
  bool finite = true;
  for (int i = 0; i < lanes; ++i) finite = finite && gaps[i] == 0.0f;
  if (!finite && unsure != nullptr) __atomic_store_n(unsure + at.image, static_cast<unsigned char>(1), __ATOMIC_RELAXED);
}

Index packed_zeros(const ConvShape& s) noexcept { return round_up(s.inputs, 16); }

template <int M>
Index packed_size(const ConvShape& s) noexcept {
  return Work<M>::planes * packed_group(s.outputs, s.inputs) + packed_zeros(s);
}

// `count` inputs of a panel: from weights by (tap, input) to planes by input.
template <int M>
void transform_weights(const float* __restrict taps, Index count, Index width, float* __restrict to, Index plane) noexcept {
  constexpr int N = Work<M>::N;
  for (Index i = 0; i < count; ++i)
    for (Index o = 0; o < width; ++o) {
      const float* g = taps + i * width + o;
      double half[N][3];
#pragma GCC unroll 3
      for (int column = 0; column < 3; ++column) {
        const double down[3] = {g[column * count * width], g[(3 + column) * count * width], g[(6 + column) * count * width]};
        double out[N];
        Winograd<M>::weight(down, out);
#pragma GCC unroll 6
        for (int row = 0; row < N; ++row) half[row][column] = out[row];
      }
#pragma GCC unroll 6
      for (int row = 0; row < N; ++row) {
        double out[N];
        Winograd<M>::weight(half[row], out);
#pragma GCC unroll 6
        for (int column = 0; column < N; ++column) to[(row * N + column) * plane + i * width + o] = static_cast<float>(out[column]);
      }
    }
}

template <int M>
void pack(const ConvShape& s, const ConvWeight& weight, float* packed) noexcept {
  constexpr Index together = 16;
  const Index panels = panels_of(s.outputs), plane = packed_group(s.outputs, s.inputs), parts = divide_up(s.inputs, 4 * together);
  parallel(panels * parts, most<Index>(1, 16384 / (panel * 4 * together * 9)), [&](Index begin, Index end) {
    float taps[9 * together * panel];
    for (Index at = begin; at < end; ++at) {
      const Index number = at / parts, part = at % parts, until = least(s.inputs, (part + 1) * 4 * together);
      const Panel p(s.outputs, number);
      for (Index c = part * 4 * together; c < until; c += together) {
        ConvShape some = s;
        ConvWeight those = weight;
        some.inputs = least(together, until - c);
        those.first += c * weight.input;
        pack_panel(some, those, 0, number * panel, p, taps);
        transform_weights<M>(taps, some.inputs, p.width, packed + number * panel * s.inputs + c * p.width, plane);
      }
    }
  });
  float* zeros = packed + Work<M>::planes * plane;
  for (Index i = 0; i < packed_zeros(s); ++i) zeros[i] = 0.0f;
}

template <int M>
Index scratch_size(const ConvShape& s, int threads) noexcept {
  const Work<M> work(s, threads);
  return work.shared ? work.floats() : Slots::floats(work.floats(), threads);
}

// All threads on one chunk, phase after phase.
template <int M>
void run_shared(const Work<M>& work, const float* x, const float* packed, const float* zeros, const Epilogue& e, float* y, const ConvScratch& scratch) noexcept {
  const Index all = work.s.n * work.tiles;
  float* v = scratch.data;
  float* m = v + work.planes * work.v_plane();
  for (Index first = 0; first < all; first += work.chunk) {
    const Index count = least(work.chunk, all - first);
    parallel(count, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) read_tile(work, x, zeros, first + i, i, v);
    });
    parallel(work.planes * work.panels, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) multiply_panel(work, packed, i / work.panels, i % work.panels, count, v, m);
    });
    parallel(count, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        for (Index number = 0; number < work.panels; ++number) write_tile(work, e, first + i, i, number, m, y, scratch.unsure);
    });
  }
}

// Each thread takes chunks of its own through all phases, in memory that stays in its cache.
template <int M>
void run_apart(const Work<M>& work, const float* x, const float* packed, const float* zeros, const Epilogue& e, float* y, const ConvScratch& scratch) noexcept {
  const Index all = work.s.n * work.tiles;
  Slots slots(scratch.data, work.floats(), scratch.threads);
  parallel(divide_up(all, work.chunk), 1, [&](Index begin, Index end) {
    const Slot slot(slots);
    float* v = slot.data;
    float* m = v + work.planes * work.v_plane();
    for (Index at = begin; at < end; ++at) {
      const Index first = at * work.chunk, count = least(work.chunk, all - first);
      for (Index i = 0; i < count; ++i) read_tile(work, x, zeros, first + i, i, v);
      for (Index plane = 0; plane < work.planes; ++plane)
        for (Index number = 0; number < work.panels; ++number) multiply_panel(work, packed, plane, number, count, v, m);
      for (Index i = 0; i < count; ++i)
        for (Index number = 0; number < work.panels; ++number) write_tile(work, e, first + i, i, number, m, y, scratch.unsure);
    }
  });
}

template <int M>
void run(const ConvShape& s, const float* x, const float* packed, const Epilogue& e, float* y, const ConvScratch& scratch) noexcept {
  const Work<M> work(s, scratch.threads);
  const float* zeros = packed + work.planes * packed_group(s.outputs, s.inputs);
  if (work.shared) run_shared(work, x, packed, zeros, e, y, scratch);
  else run_apart(work, x, packed, zeros, e, y, scratch);
}

}  // namespace

ConvTable winograd2_table() noexcept { return {packed_size<2>, pack<2>, scratch_size<2>, run<2>}; }
ConvTable winograd4_table() noexcept { return {packed_size<4>, pack<4>, scratch_size<4>, run<4>}; }

}  // namespace medtorch::MEDTORCH_ISA
