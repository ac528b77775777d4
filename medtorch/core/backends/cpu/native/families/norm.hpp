// What the norm family offers: rows of numbers that lie side by side.
#pragma once

#include "family.hpp"

namespace medtorch {

struct NormTable {
  // y = (x - mean) / sqrt(var + eps); mean and var of the row come along.
  void (*standardize)(const float* x, float* y, Index n, float eps, float* mean, float* var) noexcept;
  void (*standardize_input_grad)(const float* grad, const float* x, float* y, Index n, float eps) noexcept;
};

}  // namespace medtorch
