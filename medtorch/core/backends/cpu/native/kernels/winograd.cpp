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

constexpr Index spread = 16;  // floats between planes: planes of a power of two would share their places in the cache

Index weight_plane(const ConvShape& s) noexcept { return packed_group(s.outputs, s.inputs) + spread; }

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
        blocks(divide_up(s.inputs, block_terms)), width(s.inputs <= 32 ? 32 : block_terms), panels(panels_of(s.outputs)) {
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
  // Weights that are needed once, in one chunk, are transformed where they are read: so many inputs of a panel at a time.
  bool one_chunk() const noexcept { return shared && chunk >= s.n * tiles; }
  Index u_plane() const noexcept { return panel * block_terms + spread; }
};

// Tiles one after the other, and where the first result of each lies.
template <int M>
struct Place {
  const Work<M>& work;
  Index image, z, y, x;

  Place(const Work<M>& w, Index tile) noexcept : work(w), image(tile / w.tiles), z(0), y(0), x(0) {
    const Index in_image = tile % w.tiles, line = in_image / w.across;
    z = line / w.down;
    y = line % w.down * M;
    x = in_image % w.across * M;
  }
  void next() noexcept {
    if ((x += M) < work.s.count[2]) return;
    x = 0;
    if ((y += M) < work.s.count[1]) return;
    y = 0;
    if (++z < work.s.count[0]) return;
    z = 0;
    ++image;
  }
};

// The tile at `at`, number `row` of its chunk, into V. `zeros` is what padding reads.
template <int M>
void read_tile(const Work<M>& work, const float* x, const float* zeros, const Place<M>& at, Index row, float* v) noexcept {
  constexpr int N = Work<M>::N, lanes = Vec::lanes;
  const ConvShape& s = work.s;
  const float* from[N][N];
  const Index top = at.y - s.before[1], left_edge = at.x - s.before[2];
  const float* corner = x + at.image * s.x_image + at.z * s.x_stride[0] + top * s.x_stride[1] + left_edge * s.x_stride[2];
  if (top >= 0 && top + N <= s.size[1] && left_edge >= 0 && left_edge + N <= s.size[2]) {
#pragma GCC unroll 6
    for (int i = 0; i < N; ++i)
#pragma GCC unroll 6
      for (int j = 0; j < N; ++j) from[i][j] = corner + i * s.x_stride[1] + j * s.x_stride[2];
  } else {
    for (int i = 0; i < N; ++i)
      for (int j = 0; j < N; ++j) {
        const Index y = top + i, column = left_edge + j;
        const bool inside = y >= 0 && y < s.size[1] && column >= 0 && column < s.size[2];
        from[i][j] = inside ? corner + i * s.x_stride[1] + j * s.x_stride[2] : zeros;
      }
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

// One block of inputs of the products of all `count` tiles of a chunk, in one plane and panel: weights `w`, into `to`.
template <int M>
void multiply_block(const Work<M>& work, Index block, Index plane, const Panel& p, Index count, const float* w, const float* v, float* to) noexcept {
  const Multiply* of = p.width == panel ? (work.width == 32 ? wide_short_multiplies.of : wide_multiplies.of)
                                        : (work.width == 32 ? narrow_short_multiplies.of : narrow_multiplies.of);
  const float* a = v + plane * work.v_plane() + block * work.chunk * work.width;
  const Index depth = least(block_terms, work.s.inputs - block * block_terms), parts = divide_up(count, product_rows);
  for (Index part = 0; part < parts; ++part) {
    const Index from = count * part / parts, height = count * (part + 1) / parts - from;
    of[height](a + from * work.width, depth, w, to + from * p.width, block == 0);
  }
}

// All blocks of one plane and panel, of packed weights.
template <int M>
void multiply_panel(const Work<M>& work, const float* packed, Index plane, Index number, Index count, const float* v, float* m) noexcept {
  const Panel p(work.s.outputs, number);
  const float* w = packed + plane * weight_plane(work.s) + number * panel * work.s.inputs;
  float* to = m + plane * work.m_plane() + number * work.chunk * panel;
  for (Index block = 0; block < work.blocks; ++block) multiply_block(work, block, plane, p, count, w + block * block_terms * p.width, v, to);
}

// The results of a tile in the channels of all panels.
template <int M>
void write_tile(const Work<M>& work, const Epilogue& e, const Place<M>& at, Index row, const float* m, float* y, unsigned char* unsure) noexcept {
  constexpr int N = Work<M>::N, lanes = Vec::lanes;
  const ConvShape& s = work.s;
  const Index plane = work.m_plane();
  const Index place = at.image * s.y_image + at.z * s.y_stride[0] + at.y * s.y_stride[1] + at.x * s.y_stride[2];
  const int height = static_cast<int>(least<Index>(M, s.count[1] - at.y)), length = static_cast<int>(least<Index>(M, s.count[2] - at.x));
  const bool whole = height == M && length == M;
  Vec doubt = Vec::zero();
  for (Index c = 0; c < s.outputs; c += lanes) {
    const Index number = c / panel;
    const int left = static_cast<int>(least<Index>(lanes, s.outputs - c));
    const float* from = m + number * work.chunk * panel + row * Panel(s.outputs, number).width + c % panel;
    Vec half[M][N];
#pragma GCC unroll 6
    for (int j = 0; j < N; ++j) {
      Vec column[N], out[M];
#pragma GCC unroll 6
      for (int i = 0; i < N; ++i) column[i] = Vec::load(from + (i * N + j) * plane);
      Winograd<M>::output(column, out);
#pragma GCC unroll 4
      for (int i = 0; i < M; ++i) half[i][j] = out[i];
    }
    const Vec bias = e.bias == nullptr ? Vec::zero() : Vec::load(e.bias + c, left);
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) {
      Vec out[M];
      Winograd<M>::output(half[i], out);
#pragma GCC unroll 4
      for (int j = 0; j < M; ++j) {
        if (!whole && (i >= height || j >= length)) continue;
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
  return Work<M>::planes * weight_plane(s) + packed_zeros(s);
}

// `count` inputs of a panel: from weights by (tap, input) to planes by input.
template <int M>
void transform_weights(const float* taps, Index count, Index width, float* to, Index plane) noexcept {
  constexpr int N = Work<M>::N;
  const Index tap = count * width;
  for (Index at = 0; at < tap; at += Doubles::lanes) {
    Doubles half[N][3];
#pragma GCC unroll 3
    for (int column = 0; column < 3; ++column) {
      const float* g = taps + at + column * tap;
      const Doubles down[3] = {Doubles::load(g), Doubles::load(g + 3 * tap), Doubles::load(g + 6 * tap)};
      Doubles out[N];
      Winograd<M>::weight(down, out);
#pragma GCC unroll 6
      for (int row = 0; row < N; ++row) half[row][column] = out[row];
    }
#pragma GCC unroll 6
    for (int row = 0; row < N; ++row) {
      Doubles out[N];
      Winograd<M>::weight(half[row], out);
#pragma GCC unroll 6
      for (int column = 0; column < N; ++column) out[column].store(to + (row * N + column) * plane + at);
    }
  }
}

// Inputs [from, until) of a panel, to planes of `to`.
template <int M>
void pack_inputs(const ConvShape& s, const ConvWeight& weight, Index number, const Panel& p, Index from, Index until, float* to, Index plane) noexcept {
  constexpr Index together = 16;
  float taps[9 * together * panel];
  for (Index c = from; c < until; c += together) {
    ConvShape some = s;
    ConvWeight those = weight;
    some.inputs = least(together, until - c);
    those.first += c * weight.input;
    pack_panel(some, those, 0, number * panel, p, taps);
    transform_weights<M>(taps, some.inputs, p.width, to + (c - from) * p.width, plane);
  }
}

template <int M>
void pack(const ConvShape& s, const ConvWeight& weight, float* packed) noexcept {
  const Index panels = panels_of(s.outputs), plane = weight_plane(s), parts = divide_up(s.inputs, block_terms);
  parallel(panels * parts, 1, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index number = at / parts, from = at % parts * block_terms;
      const Panel p(s.outputs, number);
      pack_inputs<M>(s, weight, number, p, from, least(s.inputs, from + block_terms), packed + number * panel * s.inputs + from * p.width, plane);
    }
  });
  float* zeros = packed + Work<M>::planes * plane;
  for (Index i = 0; i < packed_zeros(s); ++i) zeros[i] = 0.0f;
}

template <int M>
bool packs_itself(const ConvShape& s, int threads) noexcept {
  return Work<M>(s, threads).one_chunk();
}

template <int M>
Index scratch_size(const ConvShape& s, int threads, bool packed) noexcept {
  const Work<M> work(s, threads);
  const Index own = packed ? 0 : Slots::floats(work.planes * work.u_plane(), threads) + packed_zeros(s);
  return own + (work.shared ? work.floats() : Slots::floats(work.floats(), threads));
}

// f(place, i) for the tiles first + i, shared among threads.
template <int M, typename F>
void each_tile(const Work<M>& work, Index first, Index count, const F& f) noexcept {
  parallel(count, most<Index>(1, 4096 / (work.s.inputs + work.s.outputs)), [&](Index begin, Index end) {
    Place<M> at(work, first + begin);
    for (Index i = begin; i < end; ++i, at.next()) f(at, i);
  });
}

// All threads on one chunk, phase after phase. Plain weights go through `own`, memory of each thread.
template <int M>
void run_shared(const Work<M>& work, const float* x, const ConvWeights& weights, const float* zeros, const Epilogue& e, float* y, float* memory, float* own,
                const ConvScratch& scratch) noexcept {
  const Index all = work.s.n * work.tiles;
  float* v = memory;
  float* m = v + work.planes * work.v_plane();
  for (Index first = 0; first < all; first += work.chunk) {
    const Index count = least(work.chunk, all - first);
    each_tile(work, first, count, [&](const Place<M>& at, Index i) { read_tile(work, x, zeros, at, i, v); });
    if (weights.packed != nullptr) {
      parallel(work.planes * work.panels, 1, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) multiply_panel(work, weights.packed, i / work.panels, i % work.panels, count, v, m);
      });
    } else {
      Slots slots(own, work.planes * work.u_plane(), scratch.threads);
      parallel(work.panels, 1, [&](Index begin, Index end) {
        const Slot slot(slots);
        for (Index number = begin; number < end; ++number)
          for (Index block = 0; block < work.blocks; ++block) {
            const Panel p(work.s.outputs, number);
            const Index from = block * block_terms;
            pack_inputs<M>(work.s, weights.plain, number, p, from, least(work.s.inputs, from + block_terms), slot.data, work.u_plane());
            for (Index plane = 0; plane < work.planes; ++plane)
              multiply_block(work, block, plane, p, count, slot.data + plane * work.u_plane(), v, m + plane * work.m_plane() + number * work.chunk * panel);
          }
      });
    }
    each_tile(work, first, count, [&](const Place<M>& at, Index i) { write_tile(work, e, at, i, m, y, scratch.unsure); });
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
      Place<M> in(work, first), out = in;
      for (Index i = 0; i < count; ++i, in.next()) read_tile(work, x, zeros, in, i, v);
      for (Index plane = 0; plane < work.planes; ++plane)
        for (Index number = 0; number < work.panels; ++number) multiply_panel(work, packed, plane, number, count, v, m);
      for (Index i = 0; i < count; ++i, out.next()) write_tile(work, e, out, i, m, y, scratch.unsure);
    }
  });
}

template <int M>
void run(const ConvShape& s, const float* x, const ConvWeights& weights, const Epilogue& e, float* y, const ConvScratch& scratch) noexcept {
  const Work<M> work(s, scratch.threads);
  const bool plain = weights.packed == nullptr;
  const float* zeros = plain ? scratch.data : weights.packed + work.planes * weight_plane(s);
  if (!work.shared) return run_apart(work, x, weights.packed, zeros, e, y, scratch);
  float* memory = plain ? scratch.data + packed_zeros(s) : scratch.data;
  if (plain)
    for (Index i = 0; i < packed_zeros(s); ++i) scratch.data[i] = 0.0f;
  run_shared(work, x, weights, zeros, e, y, memory, memory + work.floats(), scratch);
}

}  // namespace

ConvTable winograd2_table() noexcept { return {packed_size<2>, pack<2>, packs_itself<2>, scratch_size<2>, run<2>}; }
ConvTable winograd4_table() noexcept { return {packed_size<4>, pack<4>, packs_itself<4>, scratch_size<4>, run<4>}; }

}  // namespace medtorch::MEDTORCH_ISA
