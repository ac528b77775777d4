// What the interpolation family offers: linear maps along one dim that read few places each.
#pragma once

#include "family.hpp"

namespace medtorch {

// For each of `count` places out, `taps` places in and how much each counts; a weight of exactly 0 marks a tap that is not there.
struct TapTable {
  const std::int32_t* index;
  const float* weight;
  Index count, taps;
};

struct InterpolateTable {
  // One place out: y[i] = sum over taps of weight times x[index * inner + i], for `inner` numbers side by side; in the order of the taps,
  // each product rounded, from 0.
  void (*place)(const TapTable&, Index place, const float* x, Index inner, float* y) noexcept;
  // All places out, where inputs lie side by side.
  void (*row)(const TapTable&, const float* x, float* y) noexcept;
};

}  // namespace medtorch
