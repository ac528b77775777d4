// Weights of a convolution in the order in which tiles read them: panel after panel, term after term.
#pragma once

#include "../transpose.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {

// Counts through (input, tap) and tells which row of the packed panel each term is.
struct Term {
  Index inputs, taps, input, tap;
  Index row() const noexcept { return tap * inputs + input; }
  void next() noexcept {
    if (++tap == taps) {
      tap = 0;
      ++input;
    }
  }
};

// (output, input, tap) as users keep it.
inline void pack_rows(const ConvShape& s, const float* from, Index from_output, const Panel& p, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  const Index terms = s.terms();
  float block[lanes * lanes];
  Term first{s.inputs, s.taps(), 0, 0};
  for (Index term = 0; term < terms; term += lanes) {
    const Index columns = least(lanes, terms - term);
    Term last = first;
    for (Index o = 0; o < p.width; o += lanes) {
      const Index rows = most<Index>(0, least(lanes, p.channels - o));
      transpose_block<true>(from + o * from_output + term, from_output, static_cast<int>(rows), static_cast<int>(columns), block, lanes);
      last = first;
      for (Index j = 0; j < columns; ++j, last.next()) Vec::load(block + j * lanes).store(to + last.row() * p.width + o);
    }
    first = last;
  }
}

// Taps of an input side by side, first or last one first; outputs at any distance.
inline void pack_taps(const ConvShape& s, const ConvWeight& weight, bool turned, const float* from, const Panel& p, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  const Index taps = s.taps();
  const float* lowest = turned ? from - (taps - 1) : from;
  float block[lanes * lanes];
  for (Index input = 0; input < s.inputs; ++input)
    for (Index tap = 0; tap < taps; tap += lanes) {
      const Index columns = least(lanes, taps - tap);
      for (Index o = 0; o < p.width; o += lanes) {
        const Index rows = most<Index>(0, least(lanes, p.channels - o));
        transpose_block<true>(lowest + input * weight.input + o * weight.output + tap, weight.output, static_cast<int>(rows),
                              static_cast<int>(columns), block, lanes);
        for (Index j = 0; j < columns; ++j)
          Vec::load(block + j * lanes).store(to + ((turned ? taps - 1 - tap - j : tap + j) * s.inputs + input) * p.width + o);
      }
    }
}

inline void pack_any(const ConvShape& s, const ConvWeight& weight, const float* from, const Panel& p, float* to) noexcept {
  for (Index a = 0; a < s.kernel[0]; ++a)
    for (Index b = 0; b < s.kernel[1]; ++b)
      for (Index c = 0; c < s.kernel[2]; ++c) {
        const float* at = from + a * weight.tap[0] + b * weight.tap[1] + c * weight.tap[2];
        for (Index i = 0; i < s.inputs; ++i, to += p.width) {
          if (weight.output == 1)
            for (Index o = 0; o < p.channels; ++o) to[o] = at[i * weight.input + o];
          else
            for (Index o = 0; o < p.channels; ++o) to[o] = at[i * weight.input + o * weight.output];
          for (Index o = p.channels; o < p.width; ++o) to[o] = 0.0f;
        }
      }
}

// Weights of `p` from output `first` on, term after term as tiles read them.
inline void pack_panel(const ConvShape& s, const ConvWeight& weight, Index group, Index first, const Panel& p, float* to) noexcept {
  const float* from = weight.first + group * weight.group + first * weight.output;
  const Index taps = s.taps();
  Index step = 0, expected = 1, last_expected = s.inputs;  // how far the next tap is; dims of one tap have no say
  bool taps_last = true, inputs_last = weight.input == 1 || s.inputs == 1;
  for (int d = 2; d >= 0; --d) {
    if (s.kernel[d] == 1) continue;
    if (step == 0) step = weight.tap[d] < 0 ? -1 : 1;
    taps_last = taps_last && weight.tap[d] == step * expected;
    inputs_last = inputs_last && weight.tap[d] == last_expected;
    expected *= s.kernel[d];
    last_expected *= s.kernel[d];
  }
  if (inputs_last) {  // in the order of the panel already
    ConvShape one = s;
    one.inputs = s.terms();
    one.kernel[0] = one.kernel[1] = one.kernel[2] = 1;
    return pack_rows(one, from, weight.output, p, to);
  }
  if (taps_last && step >= 0 && weight.input == taps) return pack_rows(s, from, weight.output, p, to);
  if (taps_last && taps > 1) return pack_taps(s, weight, step < 0, from, p, to);
  pack_any(s, weight, from, p, to);
}

}  // namespace medtorch::MEDTORCH_ISA
