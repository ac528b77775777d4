// Convolutions of 3x3 places with stride 1 by Winograd's algorithm: images to tiles of N x N, N * N products of matrices, and back.
// Dilated by d, they are as many convolutions without dilation as there are phases, places at one distance of d. Kernels of volumes are
// 3x3 in each slice: a slice is transformed once, and products add up over the slices that a result sees.
//
// The order of sums: a product is a chain of fused multiply-adds over up to 64 terms from 0, chains are added in order; terms go by (slice
// of the kernel, input channel), whole slices of few channels together. The transforms are written out in winograd.hpp, first along
// rows, then along columns; the bias is added to the result, then the residual. Tiles begin at the image's first result, so nothing
// depends on the batch; threads share out tiles and channels.
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

Index weight_plane(const ConvShape& s) noexcept { return packed_group(s.outputs, s.kernel[0] * s.inputs) + spread; }

// Tiles of M results along one dim, phase after phase where results that belong together lie `step` apart.
template <int M>
struct Line {
  Index count, step, longer;  // results; so many phases have one result more than the others
  Index of_long, of_short;    // tiles of such a phase

  Line(Index count_, Index step_) noexcept
      : count(count_), step(step_), longer(count % step), of_long(divide_up(count / step + 1, M)), of_short(divide_up(count / step, M)) {}

  Index tiles() const noexcept { return longer * of_long + (step - longer) * of_short; }
  Index first(Index tile) const noexcept {
    if (tile < longer * of_long) return tile / of_long + tile % of_long * M * step;
    const Index rest = tile - longer * of_long;
    return longer + rest / of_short + rest % of_short * M * step;
  }
  // The first result of the next tile; 0 after the last one.
  Index next(Index first) const noexcept {
    first += M * step;
    if (first < count) return first;
    const Index phase = first % step + 1;
    return phase < least(step, count) ? phase : 0;
  }
};

// What is worked on together is a chunk: a run of tiles side by side, in a strip of slices where the kernel has several.
template <int M>
struct Work {
  static constexpr int N = M + 2, planes = N * N;

  const ConvShape& s;
  Line<M> down, across;
  Index tiles;                // of one image; those of all slices of a volume are one, unless the kernel has a single slice
  Index parts, width;         // of input channels; floats of a row of V in a part
  Index together, blocks;     // slices of the kernel in a block; blocks of terms
  Index panels;
  Index run, strip;           // tiles and slices of a chunk
  bool shared;                // by all threads, or each thread has a chunk of its own

  Work(const ConvShape& shape, int threads) noexcept
      : s(shape), down(s.count[1], s.dilation[1]), across(s.count[2], s.dilation[2]),
        tiles((volume() ? 1 : s.count[0]) * down.tiles() * across.tiles()), parts(divide_up(s.inputs, block_terms)),
        width(s.inputs <= 32 ? 32 : block_terms), together(parts > 1 ? 1 : least(s.kernel[0], block_terms / s.inputs)),
        blocks(divide_up(s.kernel[0], together) * parts), panels(panels_of(s.outputs)) {
    const Index slices = volume() ? s.count[0] : 1, all = s.n * tiles * slices, weights = planes * s.kernel[0] * s.inputs * s.outputs;
    const Index tile_floats = planes * (parts * width + panels * panel);
    // Weights that a core's second-level cache holds may be read again for every chunk; others are read once for many tiles.
    const Index fits = most<Index>(product_rows, (Index{1} << 17) / tile_floats / product_rows * product_rows);
    shared = threads > 1 && (all < 2 * threads * least<Index>(fits, 8) || (weights > (Index{1} << 18) && all < threads * 3 * product_rows));
    if (!shared && weights > (Index{1} << 20)) shared = true;
    const Index room = shared ? most<Index>(product_rows, (Index{1} << 21) / tile_floats) : least<Index>(fits, (volume() ? 8 : 2) * product_rows);
    strip = most<Index>(1, least(slices, room / 8));
    strip = divide_up(slices, divide_up(slices, strip));
    const Index most_tiles = most<Index>(1, room / strip), rounds = divide_up(s.n * tiles, most_tiles);
    run = most<Index>(1, divide_up(s.n * tiles, shared || volume() ? rounds : round_up(rounds, threads)));
  }

  bool volume() const noexcept { return s.kernel[0] > 1; }
  Index runs() const noexcept { return divide_up(s.n * tiles, run); }
  Index strips() const noexcept { return volume() ? divide_up(s.count[0], strip) : 1; }
  Index v_rows() const noexcept { return (strip + (s.kernel[0] - 1) * s.dilation[0]) * run; }
  Index m_rows() const noexcept { return strip * run; }
  Index v_plane() const noexcept { return v_rows() * parts * width + spread; }
  Index m_plane() const noexcept { return m_rows() * panels * panel + spread; }
  Index floats() const noexcept { return planes * (v_plane() + m_plane()); }
  // Weights that are needed once, in one chunk, are transformed where they are read: a block of a panel at a time.
  bool one_chunk() const noexcept { return shared && runs() == 1 && strips() == 1; }
  Index u_plane() const noexcept { return panel * block_terms + spread; }
};

// A block of terms: channels [channel, channel + depth) of each of `taps` slices of the kernel.
template <int M>
struct Block {
  Index part, channel, depth, tap, taps;

  Block(const Work<M>& work, Index number) noexcept
      : part(number % work.parts), channel(part * block_terms), depth(least(block_terms, work.s.inputs - channel)),
        tap(number / work.parts * work.together), taps(least(work.together, work.s.kernel[0] - tap)) {}

  Index term(const Work<M>& work) const noexcept { return tap * work.s.inputs + channel; }
};

// Tiles one after the other, and where the first result of each lies.
template <int M>
struct Place {
  const Work<M>& work;
  Index image, z, y, x;

  Place(const Work<M>& w, Index tile) noexcept : work(w), image(tile / w.tiles) {
    const Index in_image = tile % w.tiles, across = w.across.tiles(), line = in_image / across, down = w.down.tiles();
    z = line / down;
    y = w.down.first(line % down);
    x = w.across.first(in_image % across);
  }
  void next() noexcept {
    if ((x = work.across.next(x)) != 0) return;
    if ((y = work.down.next(y)) != 0) return;
    if (++z < (work.volume() ? 1 : work.s.count[0])) return;
    z = 0;
    ++image;
  }
};

// The tiles [first, first + count) in results of the slices [z, z + slices): a chunk, or what is left of it.
struct Chunk {
  Index first, count, z, slices;

  template <int M>
  Chunk(const Work<M>& work, Index number) noexcept
      : first(number / work.strips() * work.run), count(least(work.run, work.s.n * work.tiles - first)), z(number % work.strips() * work.strip),
        slices(work.volume() ? least(work.strip, work.s.count[0] - z) : 1) {}

  // Slices of the image that it sees.
  Index seen(const ConvShape& s) const noexcept { return slices + (s.kernel[0] - 1) * s.dilation[0]; }
};

// A tile whose places lie at at(line, column), into row `row` of V.
template <int M, typename At>
void transform_tile(const Work<M>& work, const At& at, Index row, float* v) noexcept {
  constexpr int N = Work<M>::N, lanes = Vec::lanes;
  const Index plane = work.v_plane(), inputs = work.s.inputs;
  for (Index c = 0; c < inputs; c += lanes) {
    const int left = static_cast<int>(least<Index>(lanes, inputs - c));
    Vec half[N][N];
#pragma GCC unroll 6
    for (int i = 0; i < N; ++i) {
      Vec d[N];
      if (left == lanes) {
#pragma GCC unroll 6
        for (int j = 0; j < N; ++j) d[j] = Vec::load(at(i, j) + c);
      } else {
#pragma GCC unroll 6
        for (int j = 0; j < N; ++j) d[j] = Vec::load(at(i, j) + c, left);
      }
      Winograd<M>::input(d, half[i]);
    }
    float* to = v + (c / block_terms * work.v_rows() + row) * work.width + c % block_terms;
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

// The tile at `place` in slice `z` of the image, into row `row` of V. `zeros` is what padding reads.
template <int M>
void read_tile(const Work<M>& work, const float* x, const float* zeros, const Place<M>& place, Index z, Index row, float* v) noexcept {
  constexpr int N = Work<M>::N;
  const ConvShape& s = work.s;
  const Index top = place.y - s.before[1], left_edge = place.x - s.before[2], down = s.dilation[1], across = s.dilation[2];
  const Index next_line = down * s.x_stride[1], next = across * s.x_stride[2];
  const float* corner = x + place.image * s.x_image + z * s.x_stride[0] + top * s.x_stride[1] + left_edge * s.x_stride[2];
  const bool slice = z >= 0 && z < s.size[0];
  if (slice && top >= 0 && top + (N - 1) * down < s.size[1] && left_edge >= 0 && left_edge + (N - 1) * across < s.size[2])
    return transform_tile(work, [&](int i, int j) { return corner + i * next_line + j * next; }, row, v);
  const float* from[N][N];
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j) {
      const Index y = top + i * down, column = left_edge + j * across;
      const bool inside = slice && y >= 0 && y < s.size[1] && column >= 0 && column < s.size[2];
      from[i][j] = inside ? corner + i * next_line + j * next : zeros;
    }
  transform_tile(work, [&](int i, int j) { return from[i][j]; }, row, v);
}

// One block of terms of the products of all `rows` tiles of a chunk, in one plane and panel: weights `w`, into `to`. Rows of V that the next
// slice of the kernel sees lie `step` further.
template <int M>
void multiply_block(const Work<M>& work, Index number, Index plane, const Panel& p, Index rows, Index step, const float* w, const float* v,
                    float* to) noexcept {
  const Multiply* of = p.width == panel ? (work.width == 32 ? wide_short_multiplies.of : wide_multiplies.of)
                                        : (work.width == 32 ? narrow_short_multiplies.of : narrow_multiplies.of);
  const Block<M> block(work, number);
  const float* a = v + plane * work.v_plane() + block.part * work.v_rows() * work.width + block.tap * step;
  const Index parts = divide_up(rows, product_rows);
  for (Index part = 0; part < parts; ++part) {
    const Index from = rows * part / parts, height = rows * (part + 1) / parts - from;
    of[height](a + from * work.width, {block.taps, step, block.depth}, w, to + from * p.width, number == 0);
  }
}

// From the rows of V that one slice of the kernel sees to those that the next one does, in floats.
template <int M>
Index slice_step(const Work<M>& work, const Chunk& chunk) noexcept { return work.s.dilation[0] * chunk.count * work.width; }

// All blocks of one plane and panel, of packed weights.
template <int M>
void multiply_panel(const Work<M>& work, const float* packed, Index plane, Index number, const Chunk& chunk, const float* v, float* m) noexcept {
  const Panel p(work.s.outputs, number);
  const float* w = packed + plane * weight_plane(work.s) + number * panel * work.s.kernel[0] * work.s.inputs;
  float* to = m + plane * work.m_plane() + number * work.m_rows() * panel;
  for (Index block = 0; block < work.blocks; ++block)
    multiply_block(work, block, plane, p, chunk.slices * chunk.count, slice_step(work, chunk), w + Block<M>(work, block).term(work) * p.width, v, to);
}

// The results of a tile of slice `z` in the channels of all panels.
template <int M>
void write_tile(const Work<M>& work, const Epilogue& e, const Place<M>& at, Index z, Index row, const float* m, float* y,
                unsigned char* unsure) noexcept {
  constexpr int N = Work<M>::N, lanes = Vec::lanes;
  const ConvShape& s = work.s;
  const Index plane = work.m_plane();
  const Index place = at.image * s.y_image + z * s.y_stride[0] + at.y * s.y_stride[1] + at.x * s.y_stride[2];
  const Index next_line = s.dilation[1] * s.y_stride[1], next = s.dilation[2] * s.y_stride[2];
  const int height = static_cast<int>(least<Index>(M, divide_up(s.count[1] - at.y, s.dilation[1])));
  const int length = static_cast<int>(least<Index>(M, divide_up(s.count[2] - at.x, s.dilation[2])));
  const bool whole = height == M && length == M;
  Vec doubt = Vec::zero();
  for (Index c = 0; c < s.outputs; c += lanes) {
    const Index number = c / panel;
    const int left = static_cast<int>(least<Index>(lanes, s.outputs - c));
    const float* from = m + number * work.m_rows() * panel + row * Panel(s.outputs, number).width + c % panel;
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
        const Index to = place + i * next_line + j * next + c;
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

// Inputs [from, until) of one slice of the kernel and a panel, to planes of `to`.
template <int M>
void pack_inputs(const ConvShape& s, const ConvWeight& weight, Index tap, Index number, const Panel& p, Index from, Index until, float* to,
                 Index plane) noexcept {
  constexpr Index together = 16;
  float taps[9 * together * panel];
  for (Index c = from; c < until; c += together) {
    ConvShape some = s;
    ConvWeight those = weight;
    some.inputs = least(together, until - c);
    some.kernel[0] = 1;
    those.first += c * weight.input + tap * weight.tap[0];
    pack_panel(some, those, 0, number * panel, p, taps);
    transform_weights<M>(taps, some.inputs, p.width, to + (c - from) * p.width, plane);
  }
}

template <int M>
void pack(const ConvShape& s, const ConvWeight& weight, float* packed) noexcept {
  const Index panels = panels_of(s.outputs), plane = weight_plane(s), parts = divide_up(s.inputs, block_terms), each = s.kernel[0] * parts;
  parallel(panels * each, 1, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) {
      const Index number = at / each, tap = at % each / parts, from = at % parts * block_terms;
      const Panel p(s.outputs, number);
      float* to = packed + number * panel * s.kernel[0] * s.inputs + (tap * s.inputs + from) * p.width;
      pack_inputs<M>(s, weight, tap, number, p, from, least(s.inputs, from + block_terms), to, plane);
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

// f(place, slice, row) for tile after tile of `slices` slices, shared among threads.
template <int M, typename F>
void each_tile(const Work<M>& work, const Chunk& chunk, Index slices, const F& f) noexcept {
  parallel(slices * chunk.count, most<Index>(1, 4096 / (work.s.inputs + work.s.outputs)), [&](Index begin, Index end) {
    for (Index row = begin; row < end;) {
      const Index slice = row / chunk.count, until = least(end, (slice + 1) * chunk.count);
      for (Place<M> at(work, chunk.first + row % chunk.count); row < until; ++row, at.next()) f(at, slice, row);
    }
  });
}

template <int M>
void read_chunk(const Work<M>& work, const Chunk& chunk, const float* x, const float* zeros, float* v) noexcept {
  each_tile(work, chunk, chunk.seen(work.s), [&](const Place<M>& at, Index slice, Index row) {
    read_tile(work, x, zeros, at, at.z + chunk.z + slice - work.s.before[0], row, v);
  });
}

template <int M>
void write_chunk(const Work<M>& work, const Chunk& chunk, const Epilogue& e, const float* m, float* y, unsigned char* unsure) noexcept {
  each_tile(work, chunk, chunk.slices, [&](const Place<M>& at, Index slice, Index row) {
    write_tile(work, e, at, at.z + chunk.z + slice, row, m, y, unsure);
  });
}

// Products of one panel from plain weights, block after block by way of `u`.
template <int M>
void multiply_plain(const Work<M>& work, const ConvWeight& weight, Index number, const Chunk& chunk, float* u, const float* v, float* m) noexcept {
  const Panel p(work.s.outputs, number);
  for (Index i = 0; i < work.blocks; ++i) {
    const Block<M> block(work, i);
    for (Index tap = 0; tap < block.taps; ++tap)
      pack_inputs<M>(work.s, weight, block.tap + tap, number, p, block.channel, block.channel + block.depth, u + tap * block.depth * p.width,
                     work.u_plane());
    for (Index plane = 0; plane < work.planes; ++plane)
      multiply_block(work, i, plane, p, chunk.slices * chunk.count, slice_step(work, chunk), u + plane * work.u_plane(), v,
                     m + plane * work.m_plane() + number * work.m_rows() * panel);
  }
}

// All threads on one chunk, phase after phase. Plain weights go through `own`, memory of each thread.
template <int M>
void run_shared(const Work<M>& work, const float* x, const ConvWeights& weights, const float* zeros, const Epilogue& e, float* y, float* memory, float* own,
                const ConvScratch& scratch) noexcept {
  float* v = memory;
  float* m = v + work.planes * work.v_plane();
  for (Index number = 0; number < work.runs() * work.strips(); ++number) {
    const Chunk chunk(work, number);
    read_chunk(work, chunk, x, zeros, v);
    if (weights.packed != nullptr) {
      parallel(work.planes * work.panels, 1, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) multiply_panel(work, weights.packed, i / work.panels, i % work.panels, chunk, v, m);
      });
    } else {
      Slots slots(own, work.planes * work.u_plane(), scratch.threads);
      parallel(work.panels, 1, [&](Index begin, Index end) {
        const Slot slot(slots);
        for (Index i = begin; i < end; ++i) multiply_plain(work, weights.plain, i, chunk, slot.data, v, m);
      });
    }
    write_chunk(work, chunk, e, m, y, scratch.unsure);
  }
}

// Each thread takes chunks of its own through all phases, in memory that stays in its cache.
template <int M>
void run_apart(const Work<M>& work, const float* x, const float* packed, const float* zeros, const Epilogue& e, float* y, const ConvScratch& scratch) noexcept {
  Slots slots(scratch.data, work.floats(), scratch.threads);
  parallel(work.runs() * work.strips(), 1, [&](Index begin, Index end) {
    const Slot slot(slots);
    float* v = slot.data;
    float* m = v + work.planes * work.v_plane();
    for (Index at = begin; at < end; ++at) {
      const Chunk chunk(work, at);
      read_chunk(work, chunk, x, zeros, v);
      for (Index plane = 0; plane < work.planes; ++plane)
        for (Index number = 0; number < work.panels; ++number) multiply_panel(work, packed, plane, number, chunk, v, m);
      write_chunk(work, chunk, e, m, y, scratch.unsure);
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
