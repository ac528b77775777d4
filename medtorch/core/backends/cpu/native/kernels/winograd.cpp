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
#include "slots.hpp"
#include "winograd_weights.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

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
  if (unsure != nullptr && !all_zero(doubt)) __atomic_store_n(unsure + at.image, static_cast<unsigned char>(1), __ATOMIC_RELAXED);
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
      for (Place<M> at(work.tiles, chunk.first + row % chunk.count); row < until; ++row, at.next()) f(at, slice, row);
    }
  });
}

template <int M>
void read_chunk(const Work<M>& work, const Chunk& chunk, const float* x, const float* zeros, float* v) noexcept {
  each_tile(work, chunk, chunk.seen(work.s), [&](const Place<M>& at, Index slice, Index row) {
    read_tile(work.s, x, zeros, at, at.z + chunk.z + slice - work.s.before[0], {v + row * work.width, work.v_rows() * work.width, work.v_plane()});
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
