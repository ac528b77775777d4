// Convolution with one input and one output channel a group: vectors run over channels, nothing is shared between them.
//
// Every output is a chain of fused multiply-adds from 0 over the taps of its window, added to the bias; from block of 64 taps to block
// such chains are added. Places outside of the image are zeros; lines of them are left out where weights are finite, which changes no bit.
// Images are read where they are: what a line of the kernel reads of a line of the image is held in registers for results side by side.
#include "../activations.hpp"
#include "../parallel.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

#if defined(MEDTORCH_AVX512) || defined(MEDTORCH_NEON)
constexpr int together = 8;  // results side by side: as many chains as keep two multipliers busy
#else
constexpr int together = 4;  // and what they read in 16 registers
#endif
constexpr Index weight_floats = 3072;  // of the channels that are done together: 12 KB

// Weights tap by tap, and behind them whether all are finite, 1 or 0.
Index packed_size(const ConvShape& s) noexcept { return s.taps() * s.groups + 1; }

bool is_finite(float x) noexcept { return x - x == 0.0f; }

void pack(const ConvShape& s, const ConvWeight& weight, float* packed) noexcept {
  float* to = packed;
  bool finite = true;
  for (Index a = 0; a < s.kernel[0]; ++a)
    for (Index b = 0; b < s.kernel[1]; ++b)
      for (Index c = 0; c < s.kernel[2]; ++c, to += s.groups) {
        const float* from = weight.first + a * weight.tap[0] + b * weight.tap[1] + c * weight.tap[2];
        for (Index g = 0; g < s.groups; ++g) {
          to[g] = from[g * weight.group];
          finite = finite & is_finite(to[g]);
        }
      }
  *to = finite ? 1.0f : 0.0f;
}

bool packs_itself(const ConvShape&, int) noexcept { return false; }

Index scratch_size(const ConvShape&, int, bool) noexcept { return 0; }

// The taps [first, last) of one dim that lie inside of the image.
struct Span {
  Index first, last;
};

constexpr bool has(const Span& s, Index i) noexcept { return i >= s.first && i < s.last; }

Span taps_inside(const ConvShape& s, int d, Index result) noexcept {
  const Index from = result * s.stride[d] - s.before[d], step = s.dilation[d];
  const Index last = from >= s.size[d] ? 0 : least(s.kernel[d], divide_up(s.size[d] - from, step));
  const Index first = from >= 0 ? 0 : divide_up(-from, step);
  return {least(first, most<Index>(0, last)), most<Index>(0, last)};
}

// What results side by side read, and with what they end.
struct Group {
  Span planes, lines, columns;  // inside of the image: of the kernel, and of what a line of windows reads, from its first place on
  bool finite;                  // the weights: what lies outside may be left out
  Index kernel[3], x_tap[3], x_step;  // of x: from tap to tap, from result to result
  Index groups, y_step, channels;
  Activation activation;
  float alpha;
};

// Where a group reads and writes: of its first result and channel.
struct Place {
  const float *x, *w, *bias, *residual;
  float* y;

  Place moved(Index channels) const noexcept {
    return {x + channels, w + channels, bias == nullptr ? nullptr : bias + channels, residual == nullptr ? nullptr : residual + channels, y + channels};
  }
};

// A pointer that is kept as it is: compilers would compute each of a tile's addresses anew.
inline __attribute__((always_inline)) void keep(const float*& p) noexcept { __asm__("" : "+r"(p)); }

// The first `left` of a vector of channels; all where `Whole`.
template <bool Whole>
inline __attribute__((always_inline)) Vec load(const float* from, int left) noexcept {
  return Whole ? Vec::load(from) : Vec::load(from, left);
}

template <int R, bool Whole>
inline __attribute__((always_inline)) void finish(const Group& g, const Place& p, Vec (&total)[R], int left) noexcept {
  const Cut cut(g.activation);
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    Vec value = total[i];
    if (p.residual != nullptr) value = value + load<Whole>(p.residual + i * g.y_step, left);
    value = cut(value);
    if constexpr (Whole) value.store(p.y + i * g.y_step);
    else value.store(p.y + i * g.y_step, left);
  }
}

// `R` results side by side, of one vector of channels, of kernels `K` wide, `S` places apart. At most 64 taps, no dilation of lines.
template <int K, int S, int R, bool Whole>
inline __attribute__((always_inline)) void run_lines(const Group& g, const Place& p, int left) noexcept {
  constexpr int reach = S * (R - 1) + K;
  const Index step = g.x_tap[2];
  Vec sum[R];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) sum[i] = Vec::zero();
  const Span planes = g.finite ? g.planes : Span{0, g.kernel[0]}, lines = g.finite ? g.lines : Span{0, g.kernel[1]};
  for (Index a = planes.first; a < planes.last; ++a)
    for (Index b = lines.first; b < lines.last; ++b) {
      const Span columns = has(g.planes, a) && has(g.lines, b) ? g.columns : Span{0, 0};
      const float* from = p.x + a * g.x_tap[0] + b * g.x_tap[1];
      const float* w = p.w + (a * g.kernel[1] + b) * K * g.groups;
      Vec x[reach];
#pragma GCC unroll 32
      for (int j = 0; j < reach; ++j, from += step) {
        keep(from);
        x[j] = has(columns, j) ? load<Whole>(from, left) : Vec::zero();
      }
#pragma GCC unroll 8
      for (int c = 0; c < K; ++c, w += g.groups) {
        const Vec v = load<Whole>(w, left);
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) sum[i] = fma(x[S * i + c], v, sum[i]);
      }
    }
  const Vec bias = p.bias == nullptr ? Vec::zero() : load<Whole>(p.bias, left);
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) sum[i] = bias + sum[i];
  finish<R, Whole>(g, p, sum, left);
}

// As above, of any kernel.
template <int R, bool Whole>
inline __attribute__((always_inline)) void run_taps(const Group& g, const Place& p, int left) noexcept {
  Vec sum[R], total[R];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    sum[i] = Vec::zero();
    total[i] = p.bias == nullptr ? Vec::zero() : load<Whole>(p.bias, left);
  }
  Index block = 0;
  const Span planes = g.finite ? g.planes : Span{0, g.kernel[0]}, lines = g.finite ? g.lines : Span{0, g.kernel[1]};
  for (Index a = planes.first; a < planes.last; ++a)
    for (Index b = lines.first; b < lines.last; ++b)
      for (Index c = 0; c < g.kernel[2]; ++c) {
        const Span columns = has(g.planes, a) && has(g.lines, b) ? g.columns : Span{0, 0};
        const Index tap = (a * g.kernel[1] + b) * g.kernel[2] + c;
        if (tap / block_terms != block) {
          block = tap / block_terms;
#pragma GCC unroll 8
          for (int i = 0; i < R; ++i) {
            total[i] = total[i] + sum[i];
            sum[i] = Vec::zero();
          }
        }
        const Vec v = load<Whole>(p.w + tap * g.groups, left);
        const float* from = p.x + a * g.x_tap[0] + b * g.x_tap[1] + c * g.x_tap[2];
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) {
          const bool inside = has(columns, i * g.x_step + c * g.x_tap[2]);  // columns are counted in floats here
          sum[i] = fma(inside ? load<Whole>(from + i * g.x_step, left) : Vec::zero(), v, sum[i]);
        }
      }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) total[i] = total[i] + sum[i];
  finish<R, Whole>(g, p, total, left);
}

// K: how wide the kernel is, or 0 for any.
template <int K, int S, int R>
void run_group(const Group& g, const Place& p) noexcept {
  constexpr Index lanes = Vec::lanes;
  Index c = 0;
  for (; c + lanes <= g.channels; c += lanes) {
    if constexpr (K > 0) run_lines<K, S, R, true>(g, p.moved(c), Vec::lanes);
    else run_taps<R, true>(g, p.moved(c), Vec::lanes);
  }
  if (const int left = static_cast<int>(g.channels - c); left > 0) {
    if constexpr (K > 0) run_lines<K, S, R, false>(g, p.moved(c), left);
    else run_taps<R, false>(g, p.moved(c), left);
  }
  if (only_cuts(g.activation)) return;
  Index places[R];
  for (int i = 0; i < R; ++i) places[i] = i * g.y_step;
  activate_rows(p.y, places, R, g.channels, g.activation, g.alpha);
}

using RunGroup = void (*)(const Group&, const Place&) noexcept;

template <int K, int S>
struct RunGroups {
  RunGroup of[together + 1] = {};
  constexpr RunGroups() noexcept { fill<together>(); }

 private:
  template <int R>
  constexpr void fill() noexcept {
    of[R] = &run_group<K, S, R>;
    if constexpr (R > 1) fill<R - 1>();
  }
};

template <int K, int S>
inline constexpr RunGroups<K, S> groups_of{};

bool reads_lines(const ConvShape& s) noexcept {
  const Index wide = s.kernel[2], stride = s.stride[2];
  const bool known = wide == 3 || wide == 5 || wide == 7 || (stride == 1 && (wide == 1 || wide == 2));
  return known && stride <= 2 && s.dilation[2] == 1 && s.taps() <= block_terms;
}

const RunGroup* groups_for(const ConvShape& s) noexcept {
  if (!reads_lines(s)) return groups_of<0, 0>.of;
  switch (s.kernel[2]) {
    case 1: return groups_of<1, 1>.of;
    case 2: return groups_of<2, 1>.of;
    case 3: return s.stride[2] == 1 ? groups_of<3, 1>.of : groups_of<3, 2>.of;
    case 5: return s.stride[2] == 1 ? groups_of<5, 1>.of : groups_of<5, 2>.of;
    default: return s.stride[2] == 1 ? groups_of<7, 1>.of : groups_of<7, 2>.of;
  }
}

// The lines [first, last) of one piece of their results, of some channels.
struct Strip {
  const ConvShape& s;
  const RunGroup* groups;
  Group g;
  Place at;  // of line 0 and result 0 of the plane

  void run(Index first, Index last, Index result, Index results) noexcept {
    const Index start = result * s.stride[2] - s.before[2], unit = reads_lines(s) ? 1 : s.x_stride[2];
    g.columns = {most<Index>(0, -start) * unit, most<Index>(0, s.size[2] - start) * unit};
    for (Index line = first; line < last; ++line) {
      g.lines = taps_inside(s, 1, line);
      const Index from = (line * s.stride[1] - s.before[1]) * s.x_stride[1] + start * s.x_stride[2];
      const Index to = line * s.y_stride[1] + result * s.y_stride[2];
      groups[results](g, {at.x + from, at.w, at.bias, at.residual == nullptr ? nullptr : at.residual + to, at.y + to});
    }
  }
};

void run(const ConvShape& s, const float* x, const ConvWeights& weights, const Epilogue& e, float* y, const ConvScratch&) noexcept {
  constexpr Index lanes = Vec::lanes;
  if (s.pixels() == 0) return;
  const Index taps = most<Index>(1, s.taps()), pieces = divide_up(s.count[2], Index{together});  // of a line, of nearly equal length
  const RunGroup* groups = groups_for(s);
  const Index wanted = most<Index>(1, weight_floats / (taps * lanes)), vectors = divide_up(s.groups, lanes);
  const Index chunk = divide_up(vectors, divide_up(vectors, wanted)) * lanes, chunks = divide_up(s.groups, chunk);
  const Index wanted_lines = most<Index>(1, least(s.count[1], divide_up(Index{1} << 17, taps * chunk * s.count[2])));
  const Index strips = divide_up(s.count[1], wanted_lines), pairs = chunks * strips;
  parallel(s.n * s.count[0] * pairs, 1, [&](Index begin, Index end) {
    Strip work{s, groups, {}, {}};
    Group& g = work.g;
    for (int d = 0; d < 3; ++d) {
      g.x_tap[d] = s.dilation[d] * s.x_stride[d];
      g.kernel[d] = s.kernel[d];
    }
    g.x_step = s.stride[2] * s.x_stride[2];
    g.groups = s.groups;
    g.y_step = s.y_stride[2];
    g.finite = weights.packed[s.taps() * s.groups] != 0.0f;
    g.activation = e.activation;
    g.alpha = e.alpha;
    for (Index at = begin; at < end; ++at) {
      const Index c = at % chunks * chunk, strip = at / chunks % strips, z = at / pairs % s.count[0], n = at / pairs / s.count[0];
      g.channels = least(chunk, s.groups - c);
      g.planes = taps_inside(s, 0, z);
      const Index from = n * s.x_image + c + (z * s.stride[0] - s.before[0]) * s.x_stride[0], to = n * s.y_image + z * s.y_stride[0] + c;
      work.at = {x + from, weights.packed + c, e.bias == nullptr ? nullptr : e.bias + c, e.residual == nullptr ? nullptr : e.residual + to, y + to};
      for (Index nr = 0; nr < pieces; ++nr) {
        const Index first = s.count[2] * nr / pieces;
        work.run(s.count[1] * strip / strips, s.count[1] * (strip + 1) / strips, first, s.count[2] * (nr + 1) / pieces - first);
      }
    }
  });
}

}  // namespace

ConvTable depthwise_table() noexcept { return {packed_size, pack, packs_itself, scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
