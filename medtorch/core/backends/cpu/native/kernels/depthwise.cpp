// Convolution with one input and one output channel a group: vectors run over channels, nothing is shared between them.
//
// Every output is a chain of fused multiply-adds over up to 64 taps from 0, added to the bias; more taps, more such blocks. What a few
// lines of results read of one vector of channels is copied with its border of zeros: small, and every tap at a fixed distance.
#include "../activations.hpp"
#include "../parallel.hpp"
#include "slots.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

constexpr int together = 8;            // results side by side: as many chains as keep two multipliers busy
constexpr Index region_floats = 8192;  // of a copy: 32 KB, of a first-level cache of 48
constexpr Index longest = 32;          // results of a line in a region

Index packed_size(const ConvShape& s) noexcept { return s.taps() * s.groups; }

void pack(const ConvShape& s, const ConvWeight& weight, float* packed) noexcept {
  float* to = packed;
  for (Index a = 0; a < s.kernel[0]; ++a)
    for (Index b = 0; b < s.kernel[1]; ++b)
      for (Index c = 0; c < s.kernel[2]; ++c, to += s.groups) {
        const float* from = weight.first + a * weight.tap[0] + b * weight.tap[1] + c * weight.tap[2];
        for (Index g = 0; g < s.groups; ++g) to[g] = from[g * weight.group];
      }
}

bool packs_itself(const ConvShape&, int) noexcept { return false; }

// How results are cut into regions, and what a region reads.
struct Regions {
  Index length, lines;      // results of a region
  Index across, down;       // regions
  Index wide, high;         // places that a region reads, of each plane of the kernel

  explicit Regions(const ConvShape& s) noexcept {
    across = divide_up(s.count[2], longest);
    length = divide_up(s.count[2], across);
    wide = reach(s, 2, length);
    lines = most<Index>(1, s.count[1]);
    while (lines > 1 && floats(s) > region_floats) lines = divide_up(lines, 2);
    down = divide_up(s.count[1], lines);
    high = reach(s, 1, lines);
  }
  Index floats(const ConvShape& s) const noexcept { return s.kernel[0] * reach(s, 1, lines) * wide * Vec::lanes; }

 private:
  static Index reach(const ConvShape& s, int d, Index results) noexcept { return (results - 1) * s.stride[d] + (s.kernel[d] - 1) * s.dilation[d] + 1; }
};

Index slot_size(const ConvShape& s) noexcept { return round_up(Regions(s).floats(s), 16); }
Index offsets_size(const ConvShape& s) noexcept { return round_up(2 * s.taps() + 16, 16); }  // an Index takes two floats

Index scratch_size(const ConvShape& s, int threads, bool) noexcept { return offsets_size(s) + Slots::floats(slot_size(s), threads); }

void clear_vectors(float* to, Index count) noexcept {
  for (Index i = 0; i < count; ++i) Vec::zero().store(to + i * Vec::lanes);
}

// The places that results from `first` on read, `left` channels from `image` on.
void copy_region(const ConvShape& s, const Regions& r, const float* image, const Index (&first)[3], int left, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  const Index from = first[2] * s.stride[2] - s.before[2];
  const Index before = least(r.wide, most<Index>(0, -from)), inside = most<Index>(0, least(r.wide, s.size[2] - from) - before);
  for (Index a = 0; a < s.kernel[0]; ++a) {
    const Index z = first[0] * s.stride[0] - s.before[0] + a * s.dilation[0];
    for (Index b = 0; b < r.high; ++b, to += r.wide * lanes) {
      const Index y = first[1] * s.stride[1] - s.before[1] + b;
      if (z < 0 || z >= s.size[0] || y < 0 || y >= s.size[1]) {
        clear_vectors(to, r.wide);
        continue;
      }
      const float* row = image + z * s.x_stride[0] + y * s.x_stride[1] + (from + before) * s.x_stride[2];
      clear_vectors(to, before);
      float* place = to + before * lanes;
      if (left == lanes)
        for (Index i = 0; i < inside; ++i) Vec::load(row + i * s.x_stride[2]).store(place + i * lanes);
      else
        for (Index i = 0; i < inside; ++i) Vec::load(row + i * s.x_stride[2], left).store(place + i * lanes);
      clear_vectors(place + inside * lanes, r.wide - before - inside);
    }
  }
}

struct Line {
  const Index* offset;  // of each tap, in floats
  Index taps, groups;
  const float* w;         // of these channels
  Index y_step, x_step;   // from result to result
  Activation activation;
  float alpha;
  int left;  // channels
};

// `R` results side by side. S: the stride, or 0 where it is told by `x_step` alone.
template <int R, int S>
void run_line(const Line& line, const float* x, Vec bias, const float* residual, float* y) noexcept {
  constexpr Index lanes = Vec::lanes;
  const Index step = S == 0 ? line.x_step : S * lanes;
  Vec total[R];
  for (int i = 0; i < R; ++i) total[i] = bias;
  Index t = 0;
  do {
    const Index until = least(line.taps, t + block_terms);
    Vec sum[R];
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) sum[i] = Vec::zero();
    for (; t < until; ++t) {
      const float* w = line.w + t * line.groups;
      const Vec b = line.left == lanes ? Vec::load(w) : Vec::load(w, line.left);
      const float* from = x + line.offset[t];
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) sum[i] = fma(Vec::load(from + i * step), b, sum[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) total[i] = total[i] + sum[i];
  } while (t < line.taps);
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    Vec value = total[i];
    if (residual != nullptr) value = value + Vec::load(residual + i * line.y_step, line.left);
    if (line.activation != Activation::none) value = activate(value, line.activation, line.alpha);
    if (line.left == lanes) value.store(y + i * line.y_step);
    else value.store(y + i * line.y_step, line.left);
  }
}

using RunLine = void (*)(const Line&, const float*, Vec, const float*, float*) noexcept;

template <int S>
struct RunLines {
  RunLine of[together + 1] = {nullptr,        run_line<1, S>, run_line<2, S>, run_line<3, S>, run_line<4, S>,
                              run_line<5, S>, run_line<6, S>, run_line<7, S>, run_line<8, S>};
};

inline constexpr RunLines<0> any_stride{};
inline constexpr RunLines<1> stride_1{};
inline constexpr RunLines<2> stride_2{};

void run(const ConvShape& s, const float* x, const ConvWeights& weights, const Epilogue& e, float* y, const ConvScratch& scratch) noexcept {
  constexpr Index lanes = Vec::lanes;
  if (s.pixels() == 0) return;
  const Regions r(s);
  const Index taps = s.taps(), vectors = divide_up(s.groups, lanes), regions = s.count[0] * r.down * r.across, parts = divide_up(r.length, Index{together});
  Index* offset = reinterpret_cast<Index*>(scratch.data);
  for (Index t = 0; t < taps; ++t) {
    const Index a = t / (s.kernel[1] * s.kernel[2]), b = t / s.kernel[2] % s.kernel[1], c = t % s.kernel[2];
    offset[t] = ((a * r.high + b * s.dilation[1]) * r.wide + c * s.dilation[2]) * lanes;
  }
  const RunLine* lines = s.stride[2] == 1 ? stride_1.of : s.stride[2] == 2 ? stride_2.of : any_stride.of;
  Slots slots(scratch.data + offsets_size(s), slot_size(s), scratch.threads);
  parallel(s.n * regions * vectors, most<Index>(1, (1 << 16) / (taps * lanes * r.length * r.lines + 1)), [&](Index begin, Index end) {
    const Slot slot(slots);
    for (Index at = begin; at < end; ++at) {
      const Index c = at % vectors * lanes, region = at / vectors % regions, n = at / vectors / regions;
      const Index first[3] = {region / r.across / r.down, region / r.across % r.down * r.lines, region % r.across * r.length};
      const Line line{offset, taps, s.groups, weights.packed + c, s.y_stride[2], s.stride[2] * lanes, e.activation, e.alpha,
                      static_cast<int>(least(lanes, s.groups - c))};
      copy_region(s, r, x + n * s.x_image + c, first, line.left, slot.data);
      const Vec bias = e.bias == nullptr ? Vec::zero() : Vec::load(e.bias + c, line.left);
      const Index count = least(r.length, s.count[2] - first[2]), until = least(r.lines, s.count[1] - first[1]);
      for (Index l = 0; l < until; ++l)
        for (Index part = 0; part < parts; ++part) {  // of nearly equal length
          const Index begins = count * part / parts, results = count * (part + 1) / parts - begins;
          if (results == 0) continue;
          const Index place = n * s.y_image + first[0] * s.y_stride[0] + (first[1] + l) * s.y_stride[1] + (first[2] + begins) * s.y_stride[2] + c;
          lines[results](line, slot.data + (l * s.stride[1] * r.wide + begins * s.stride[2]) * lanes, bias,
                         e.residual == nullptr ? nullptr : e.residual + place, y + place);
        }
    }
  });
}

}  // namespace

ConvTable depthwise_table() noexcept { return {packed_size, pack, packs_itself, scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
