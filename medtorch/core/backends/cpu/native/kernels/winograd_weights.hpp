// Weights as Winograd's products read them: transformed in float64 and rounded once, plane after plane, in panels.
#pragma once

#include "../parallel.hpp"
#include "packing.hpp"
#include "winograd_work.hpp"

namespace medtorch::MEDTORCH_ISA {

inline Index weight_plane(const ConvShape& s) noexcept { return packed_group(s.outputs, s.kernel[0] * s.inputs) + plane_gap; }

inline Index packed_zeros(const ConvShape& s) noexcept { return round_up(s.inputs, 16); }

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

}  // namespace medtorch::MEDTORCH_ISA
