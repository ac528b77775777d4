// The gradient of a depthwise convolution's weights: for each channel and tap, the sum over all places of what the tap sees times dy.
// Vectors run over channels; images are read where they are, and several taps are summed at once in registers.
//
// The order of sums: a block is up to 64 results of one line, a chain of fused multiply-adds from 0 over those whose tap lies inside of
// the image; blocks are added in order to the sum of their strand, some lines one after the other; strands are added in order. How
// lines are cut into strands follows from the shape alone. Threads share out strands.
//
// Products of padding are left out. By the formula zero times infinity is NaN: a result that is not finite is reported (`unsure`), and the
// caller computes the gradient anew with all products.
#include "../parallel.hpp"
#include "../transpose.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

constexpr Index most_strands = 64, strand_places = 256, all_strands = Index{1} << 18;  // the last in floats
constexpr int together = 10;                                                             // taps

struct Plan {
  const ConvShape& s;
  Index width, taps, lines, strands;

  explicit Plan(const ConvShape& shape) noexcept
      : s(shape), width(round_up(s.groups, 16)), taps(s.taps()), lines(s.n * s.count[0] * s.count[1]),
        strands(most<Index>(1, least(least(lines, most_strands), least(lines * s.count[2] / strand_places, all_strands / (taps * width + 1))))) {}

  Index strand() const noexcept { return taps * width; }
};

// Some taps of one line of results: where what they see of result 0 lies, and for which results that is inside of the image.
struct Taps {
  int count = 0;
  Index number[together], offset[together], low[together], high[together];
  Index all_low = 0, all_high = 0;
};

template <int T, bool whole>
void add_line(const Taps& taps, const float* x, Index x_step, const float* dy, Index dy_step, Index from, Index until, int left, float* sums,
              Index width) noexcept {
  const auto load = [&](const float* p) { return whole ? Vec::load(p) : Vec::load(p, left); };
  Vec sum[T];
#pragma GCC unroll 10
  for (int t = 0; t < T; ++t) sum[t] = Vec::zero();
  const float* at[T];
#pragma GCC unroll 10
  for (int t = 0; t < T; ++t) at[t] = x + taps.offset[t];
  const auto at_border = [&](Index first, Index last) {
    for (Index i = first; i < last; ++i) {
      const Vec d = load(dy + i * dy_step);
#pragma GCC unroll 10
      for (int t = 0; t < T; ++t)
        if (i >= taps.low[t] && i < taps.high[t]) sum[t] = fma(load(at[t] + i * x_step), d, sum[t]);
    }
  };
  const Index low = least(until, most(from, taps.all_low)), high = least(until, most(low, taps.all_high));
  at_border(from, low);
  const float* d_at = dy + low * dy_step;
  Index place = low * x_step;
  for (Index i = low; i < high; ++i, d_at += dy_step, place += x_step) {
    const Vec d = load(d_at);
#pragma GCC unroll 10
    for (int t = 0; t < T; ++t) sum[t] = fma(load(at[t] + place), d, sum[t]);
  }
  at_border(high, until);
#pragma GCC unroll 10
  for (int t = 0; t < T; ++t) {
    float* to = sums + taps.number[t] * width;
    (Vec::load(to) + sum[t]).store(to);
  }
}

using AddLine = void (*)(const Taps&, const float*, Index, const float*, Index, Index, Index, int, float*, Index) noexcept;

template <bool whole>
struct AddLines {
  AddLine of[together + 1] = {};
  constexpr AddLines() noexcept { fill<together>(); }

 private:
  template <int T>
  constexpr void fill() noexcept {
    of[T] = &add_line<T, whole>;
    if constexpr (T > 1) fill<T - 1>();
  }
};

inline constexpr AddLines<true> whole_lines{};
inline constexpr AddLines<false> part_lines{};

// Line `line` of all results, counted through the images.
struct Line {
  Index image, z, y;
  Line(const ConvShape& s, Index line) noexcept : image(line / s.count[1] / s.count[0]), z(line / s.count[1] % s.count[0]), y(line % s.count[1]) {}
};

void add_taps(const Plan& p, const Taps& taps, const ConvWeightGrad& g, const Line& line, float* sums) noexcept {
  constexpr Index lanes = Vec::lanes;
  const ConvShape& s = p.s;
  const float* x = g.x + line.image * s.x_image;
  const float* dy = g.dy + line.image * s.y_image + line.z * s.y_stride[0] + line.y * s.y_stride[1];
  const Index pieces = divide_up(s.count[2], block_terms), x_step = s.stride[2] * s.x_stride[2];
  for (Index piece = 0; piece < pieces; ++piece) {
    const Index from = s.count[2] * piece / pieces, until = s.count[2] * (piece + 1) / pieces;
    for (Index c = 0; c < s.groups; c += lanes) {
      const int left = static_cast<int>(least(lanes, s.groups - c));
      const AddLine add = left == lanes ? whole_lines.of[taps.count] : part_lines.of[taps.count];
      add(taps, x + c, x_step, dy + c, s.y_stride[2], from, until, left, sums + c, p.width);
    }
  }
}

void add_line_of_results(const Plan& p, const ConvWeightGrad& g, const Line& line, float* sums) noexcept {
  const ConvShape& s = p.s;
  Taps taps;
  const auto flush = [&] {
    if (taps.count > 0) add_taps(p, taps, g, line, sums);
    taps.count = 0;
  };
  for (Index a = 0; a < s.kernel[0]; ++a) {
    const Index z = line.z * s.stride[0] - s.before[0] + a * s.dilation[0];
    if (z < 0 || z >= s.size[0]) continue;
    for (Index b = 0; b < s.kernel[1]; ++b) {
      const Index y = line.y * s.stride[1] - s.before[1] + b * s.dilation[1];
      if (y < 0 || y >= s.size[1]) continue;
      for (Index c = 0; c < s.kernel[2]; ++c) {
        const Index low = s.first_inside(2, c), high = s.last_inside(2, c);
        if (low >= high) continue;
        const int t = taps.count++;
        taps.number[t] = (a * s.kernel[1] + b) * s.kernel[2] + c;
        taps.offset[t] = z * s.x_stride[0] + y * s.x_stride[1] + (c * s.dilation[2] - s.before[2]) * s.x_stride[2];
        taps.low[t] = low;
        taps.high[t] = high;
        taps.all_low = t == 0 ? low : most(taps.all_low, low);
        taps.all_high = t == 0 ? high : least(taps.all_high, high);
        if (taps.count == together) flush();
      }
    }
  }
  flush();
}

// The sum of all strands to (channel, tap).
void write(const Plan& p, const float* strands, float* dw, unsigned char* unsure) noexcept {
  constexpr Index lanes = Vec::lanes;
  const Index channels = p.s.groups;
  parallel(divide_up(channels, lanes), most<Index>(1, 4096 / (p.taps * p.strands + 1)), [&](Index begin, Index end) {
    float block[lanes * lanes];
    Vec doubt = Vec::zero();
    for (Index c = begin * lanes; c < end * lanes; c += lanes)
      for (Index first = 0; first < p.taps; first += lanes) {
        const Index count = least(lanes, p.taps - first);
        for (Index i = 0; i < count; ++i) {
          const float* from = strands + (first + i) * p.width + c;
          Vec sum = Vec::load(from);
          for (Index strand = 1; strand < p.strands; ++strand) sum = sum + Vec::load(from + strand * p.strand());
          sum.store(block + i * lanes);
          doubt = doubt + (sum - sum);  // 0 where finite, else NaN
        }
        transpose_block<false>(block, lanes, static_cast<int>(count), static_cast<int>(least(lanes, channels - c)), dw + c * p.taps + first, p.taps);
      }
    if (!all_zero(doubt)) __atomic_store_n(unsure, static_cast<unsigned char>(1), __ATOMIC_RELAXED);
  });
}

Index scratch_size(const ConvWeightGrad& g) noexcept {
  const Plan p(g.shape);
  return p.strands * p.strand();
}

void run(const ConvWeightGrad& g, float* scratch, unsigned char* unsure) noexcept {
  const Plan p(g.shape);
  parallel(p.strands, 1, [&](Index begin, Index end) {
    for (Index strand = begin; strand < end; ++strand) {
      float* sums = scratch + strand * p.strand();
      for (Index i = 0; i < p.strand(); ++i) sums[i] = 0.0f;
      for (Index line = p.lines * strand / p.strands; line < p.lines * (strand + 1) / p.strands; ++line)
        add_line_of_results(p, g, Line(p.s, line), sums);
    }
  });
  write(p, scratch, g.dw, unsure);
}

}  // namespace

ConvWeightGradTable depthwise_weight_grad_table() noexcept { return {scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
