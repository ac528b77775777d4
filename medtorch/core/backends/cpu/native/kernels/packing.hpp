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
      for (Index i = 0; i < rows; ++i) __builtin_prefetch(from + (o + i) * from_output + term + 4 * lanes);
      transpose_block<true>(from + o * from_output + term, from_output, static_cast<int>(rows), static_cast<int>(columns), block, lanes);
      last = first;
      for (Index j = 0; j < columns; ++j, last.next()) Vec::load(block + j * lanes).store(to + last.row() * p.width + o);
    }
    first = last;
  }
}

// Taps of an input side by side, first or last one first; outputs at any distance.
inline void pack_taps(const ConvShape& s, const ConvWeight& weight, const float* from, const Panel& p, float* to) noexcept {
  constexpr Index lanes = Vec::lanes;
  const Index taps = s.taps();
  const bool turned = weight.tap[2] < 0;
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
  const Index step = weight.tap[2] < 0 ? -1 : 1;
  const bool flat = weight.tap[2] == step && weight.tap[1] == step * s.kernel[2] && weight.tap[0] == step * s.kernel[1] * s.kernel[2];
  if (flat && step > 0 && weight.input == s.taps()) return pack_rows(s, from, weight.output, p, to);
  if (flat && s.taps() > 1) return pack_taps(s, weight, from, p, to);
  pack_any(s, weight, from, p, to);
}

}  // namespace medtorch::MEDTORCH_ISA
