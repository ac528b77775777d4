// The order of sums of everything dense, and panels: the output channels that are computed together.
//
// Every output is a fixed two-level chain. Its terms, in the order (tap, channel), are cut into blocks; a block is a chain of
// fused multiply-adds from 0; the blocks are added to the bias in order. A block is as many rows of the kernel as have at most 64
// terms together, or, where one row has more, up to 64 channels of one tap. How rows and channels are tiled, and who computes which, decides no bit.
#pragma once

#include "../simd.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {

constexpr Index block_terms = 64;
constexpr Index panel = 2 * Vec::lanes;  // output channels that are computed together

// A panel of output channels: how many there are, and for how many it is made.
struct Panel {
  Index channels, width;
  Panel(Index outputs, Index number) noexcept
      : channels(least(panel, outputs - number * panel)), width(channels > Vec::lanes ? panel : Index{Vec::lanes}) {}
};

// False where a lane is a NaN.
inline bool all_zero(Vec x) noexcept {
  float lane[Vec::lanes];
  x.store(lane);
  bool zero = true;
  for (float v : lane) zero = zero && v == 0.0f;
  return zero;
}

inline Index panels_of(Index outputs) noexcept { return divide_up(outputs, panel); }
// Weights of all panels of a group: full panels and a last one that may be half as wide.
inline Index packed_group(Index outputs, Index terms) noexcept { return round_up(outputs, Vec::lanes) * terms; }

}  // namespace medtorch::MEDTORCH_ISA
