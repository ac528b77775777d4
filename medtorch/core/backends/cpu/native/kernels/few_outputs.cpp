// Convolution to few channels: vectors run over results side by side, because the channels of one result would leave most lanes empty.
//
// What some lines of results read is turned over into lines of one channel each, with the border written out; with strides the columns of
// each phase lie side by side. The order of sums is that of tile.hpp.
#include "../activations.hpp"
#include "../parallel.hpp"
#include "../transpose.hpp"
#include "slots.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

constexpr Index lanes = Vec::lanes;
constexpr int most_outputs = 8;           // as in convolution.cpp
constexpr Index strip_floats = 1 << 17;  // what is turned over at a time: half of a second-level cache

// Vectors of results side by side, for `O` outputs: about as many chains as keep two multipliers busy.
template <int O>
constexpr int vectors_for = O == 1 ? 8 : O == 2 ? 4 : O == 3 ? 3 : O <= 6 ? 2 : 1;

Index packed_size(const ConvShape& s) noexcept { return s.terms() * s.outputs; }

// Term after term; of each, output after output.
void pack(const ConvShape& s, const ConvWeight& weight, float* packed) noexcept {
  for (Index a = 0; a < s.kernel[0]; ++a)
    for (Index b = 0; b < s.kernel[1]; ++b)
      for (Index c = 0; c < s.kernel[2]; ++c)
        for (Index i = 0; i < s.inputs; ++i)
          for (Index o = 0; o < s.outputs; ++o)
            *packed++ = weight.first[a * weight.tap[0] + b * weight.tap[1] + c * weight.tap[2] + i * weight.input + o * weight.output];
}

bool packs_itself(const ConvShape&, int) noexcept { return false; }

// How work is cut into strips of lines, and how a strip lies in scratch memory: (plane, line, phase, channel, column).
struct Strips {
  const ConvShape& s;
  Index phases, width, line, lines, input_lines, strips, block_rows;

  Strips(const ConvShape& shape, int threads) noexcept : s(shape) {
    phases = s.kernel[2] > 1 ? s.stride[2] : 1;
    width = round_up((s.kernel[2] - 1) * s.dilation[2] / s.stride[2] + round_up(s.count[2], lanes), lanes);
    line = phases * s.inputs * width;
    const Index fits = strip_floats / (s.kernel[0] * line);  // lines that are read
    const Index wanted = divide_up(s.count[1], most<Index>(1, divide_up(Index{4} * threads, s.n * s.count[0])));
    const Index most_lines = (fits - (s.kernel[1] - 1) * s.dilation[1] - 1) / s.stride[1] + 1;
    lines = least(s.count[1], most<Index>(1, least(wanted, most_lines)));
    input_lines = (lines - 1) * s.stride[1] + (s.kernel[1] - 1) * s.dilation[1] + 1;
    strips = divide_up(s.count[1], lines);
    const Index row = s.kernel[2] * s.inputs;
    block_rows = s.taps() > 1 && row <= block_terms ? block_terms / row : 0;  // 0: places of the kernel, 64 channels at a time
  }

  Index floats() const noexcept { return s.kernel[0] * input_lines * line; }

  // Whether a line of a strip is read at all.
  bool reads(Index nr) const noexcept {
    for (Index b = 0; b < s.kernel[1]; ++b) {
      const Index from = nr - b * s.dilation[1];
      if (from >= 0 && from % s.stride[1] == 0 && from / s.stride[1] < lines) return true;
    }
    return false;
  }
};

Index scratch_size(const ConvShape& s, int threads, bool) noexcept { return Slots::floats(round_up(Strips(s, threads).floats(), 16), threads); }

void clear(float* to, Index count) noexcept {
  for (Index i = 0; i < count; ++i) to[i] = 0.0f;
}

// A line of the image, or zeros where `from` is null.
void turn_line(const Strips& g, const float* from, float* to) noexcept {
  const ConvShape& s = g.s;
  if (from == nullptr) return clear(to, g.line);
  for (Index phase = 0; phase < g.phases; ++phase, to += s.inputs * g.width) {
    const Index start = phase - s.before[2], step = s.stride[2];  // columns start, start + step, ... of the image
    const Index first = least(g.width, start >= 0 ? Index{0} : divide_up(-start, step));
    const Index last = most(first, least(g.width, start >= s.size[2] ? Index{0} : divide_up(s.size[2] - start, step)));
    for (Index k = 0; k < s.inputs; ++k) {
      clear(to + k * g.width, first);
      clear(to + k * g.width + last, g.width - last);
    }
    for (Index at = first; at < last; at += lanes)
      for (Index k = 0; k < s.inputs; k += lanes)
        transpose_block<false>(from + (start + at * step) * s.x_stride[2] + k, step * s.x_stride[2], static_cast<int>(least(lanes, last - at)),
                               static_cast<int>(least(lanes, s.inputs - k)), to + k * g.width + at, g.width);
  }
}

// All that the lines [first, first + count) of plane z read.
void turn(const Strips& g, const float* image, Index z, Index first, float* to) noexcept {
  const ConvShape& s = g.s;
  for (Index a = 0; a < s.kernel[0]; ++a) {
    const Index plane = z * s.stride[0] - s.before[0] + a * s.dilation[0];
    for (Index nr = 0; nr < g.input_lines; ++nr, to += g.line) {
      if (!g.reads(nr)) continue;
      const Index row = first * s.stride[1] - s.before[1] + nr;
      const bool inside = plane >= 0 && plane < s.size[0] && row >= 0 && row < s.size[1];
      turn_line(g, inside ? image + plane * s.x_stride[0] + row * s.x_stride[1] : nullptr, to);
    }
  }
}

// `R` vectors of results of `O` channels, `left` results of them; y and residual at the first one.
template <int O, int R>
void run_group(const Strips& g, const float* turned, const float* w, const Epilogue& e, Index left, const float* residual, float* y) noexcept {
  const ConvShape& s = g.s;
  Vec sum[R][O], total[R][O];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int o = 0; o < O; ++o) {
      sum[r][o] = Vec::zero();
      total[r][o] = e.bias == nullptr ? Vec::zero() : Vec::set(e.bias[o]);
    }
  const auto end_block = [&] {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int o = 0; o < O; ++o) {
        total[r][o] = total[r][o] + sum[r][o];
        sum[r][o] = Vec::zero();
      }
  };
  bool begun = false;
  for (Index row = 0; row < s.kernel[0] * s.kernel[1]; ++row) {
    const float* line = turned + (row / s.kernel[1] * g.input_lines + row % s.kernel[1] * s.dilation[1]) * g.line;
    for (Index c = 0; c < s.kernel[2]; ++c) {
      const Index column = c * s.dilation[2], phase = column % s.stride[2];
      const float* x = line + phase * s.inputs * g.width + column / s.stride[2];
      for (Index first = 0; first < s.inputs; first += block_terms) {
        const bool ends = g.block_rows == 0 || (c == 0 && row % g.block_rows == 0);
        if (begun && ends) end_block();
        begun = true;
        const Index last = least(s.inputs, first + block_terms);
        for (Index i = first; i < last; ++i, x += g.width, w += O) {
          Vec v[R];
#pragma GCC unroll 8
          for (int r = 0; r < R; ++r) v[r] = Vec::load(x + r * lanes);
#pragma GCC unroll 8
          for (int o = 0; o < O; ++o) {
            const Vec weight = Vec::set(w[o]);
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) sum[r][o] = fma(v[r], weight, sum[r][o]);
          }
        }
      }
    }
  }
  end_block();
  alignas(64) float out[O * R * lanes];
  const Index step = s.y_stride[2];
  const Cut cut(e.activation);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int o = 0; o < O; ++o) (residual == nullptr ? cut(total[r][o]) : total[r][o]).store(out + (o * R + r) * lanes);
  if (residual != nullptr) {
    for (Index j = 0; j < left; ++j)
      for (int o = 0; o < O; ++o) out[o * R * lanes + j] += residual[j * step + o];
    for (Index j = 0; j < O * R * lanes; j += lanes) cut(Vec::load(out + j)).store(out + j);
  }
  if (!only_cuts(e.activation)) {
    const Index start = 0;
    activate_rows(out, &start, 1, O * R * lanes, e.activation, e.alpha);
  }
  for (Index j = 0; j < left; ++j)
    for (int o = 0; o < O; ++o) y[j * step + o] = out[o * R * lanes + j];
}

using RunGroup = void (*)(const Strips&, const float*, const float*, const Epilogue&, Index, const float*, float*) noexcept;

// By outputs and vectors of results.
struct Groups {
  RunGroup of[most_outputs + 1][8 + 1] = {};
  constexpr Groups() noexcept { outputs<most_outputs>(); }

 private:
  template <int O>
  constexpr void outputs() noexcept {
    vectors<O, vectors_for<O>>();
    if constexpr (O > 1) outputs<O - 1>();
  }
  template <int O, int R>
  constexpr void vectors() noexcept {
    of[O][R] = &run_group<O, R>;
    if constexpr (R > 1) vectors<O, R - 1>();
  }
};

constexpr Groups groups{};
constexpr int most_vectors[most_outputs + 1] = {0,
                                                vectors_for<1>, vectors_for<2>, vectors_for<3>, vectors_for<4>,
                                                vectors_for<5>, vectors_for<6>, vectors_for<7>, vectors_for<8>};

void run(const ConvShape& s, const float* x, const ConvWeights& weights, const Epilogue& e, float* y, const ConvScratch& scratch) noexcept {
  if (s.pixels() == 0 || s.outputs == 0) return;
  const Strips g(s, scratch.threads);
  Slots slots(scratch.data, round_up(g.floats(), 16), scratch.threads);
  const Index vectors = divide_up(s.count[2], lanes), most_now = most_vectors[s.outputs], pieces = divide_up(vectors, most_now);
  parallel(s.n * s.count[0] * g.strips, 1, [&](Index begin, Index end) {
    const Slot slot(slots);
    for (Index nr = begin; nr < end; ++nr) {
      const Index strip = nr % g.strips, z = nr / g.strips % s.count[0], n = nr / g.strips / s.count[0];
      const Index first = strip * g.lines, last = least(s.count[1], first + g.lines);
      turn(g, x + n * s.x_image, z, first, slot.data);
      for (Index line = first; line < last; ++line)
        for (Index piece = 0; piece < pieces; ++piece) {  // of nearly equal length
          const Index from = vectors * piece / pieces, count = vectors * (piece + 1) / pieces - from, result = from * lanes;
          const Index to = n * s.y_image + z * s.y_stride[0] + line * s.y_stride[1] + result * s.y_stride[2];
          const float* turned = slot.data + (line - first) * s.stride[1] * g.line + result;
          groups.of[s.outputs][count](g, turned, weights.packed, e, least(count * lanes, s.count[2] - result),
                                      e.residual == nullptr ? nullptr : e.residual + to, y + to);
        }
    }
  });
}

}  // namespace

ConvTable few_outputs_table() noexcept { return {packed_size, pack, packs_itself, scratch_size, run}; }

}  // namespace medtorch::MEDTORCH_ISA
