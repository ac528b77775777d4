// What the softmax family offers: rows of numbers that lie side by side.
#pragma once

#include "family.hpp"

namespace medtorch {

struct SoftmaxTable {
  void (*softmax)(const float* x, float* y, Index n) noexcept;
  void (*log_softmax)(const float* x, float* y, Index n) noexcept;
};

}  // namespace medtorch
