// What the softmax family offers: rows of numbers that lie side by side.
#pragma once

#include "family.hpp"

namespace medtorch {

struct SoftmaxTable {
  void (*softmax)(const float* x, float* y, Index n) noexcept;
  void (*log_softmax)(const float* x, float* y, Index n) noexcept;
  // Many rows one after the other, each of up to `virtual_lanes` numbers; the same bits.
  void (*short_rows)(const float* x, float* y, Index rows, Index n) noexcept;
  void (*log_short_rows)(const float* x, float* y, Index rows, Index n) noexcept;
};

}  // namespace medtorch
