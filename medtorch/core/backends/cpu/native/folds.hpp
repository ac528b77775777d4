// From arrays with strides of their own to the blocks that reduction kernels fold.
#pragma once

#include "families/reduction.hpp"
#include "loops.hpp"

namespace medtorch {

// An array that a fold reads: over the terms, and over the dims that are kept. Steps in floats.
struct FoldInput {
  const float* data;
  Index term_step;
  Index step[most_dims];
};

// y[kept...] = fold over `terms` numbers each, divided by `divisor`. y is dense in the order of the kept dims.
struct FoldPlan {
  enum Role : int { x, g, mean, scale, inputs };

  Index terms;
  double divisor;
  int ndim;  // kept dims
  Index size[most_dims], y_step[most_dims];
  FoldInput in[inputs];  // data may be null
  int side = -1;         // the kept dim along which outputs lie side by side; none: terms do

  // Join kept dims that all arrays walk through evenly, and find the side by which to read; false where there is none.
  bool prepare() noexcept;
  Index outputs() const noexcept;
  // With `over_g` also y_g[kept...] = that fold over g, while its numbers are near.
  void run(const FoldKernels& kernels, float* y, const FoldKernels* over_g = nullptr, float* y_g = nullptr) const;
  void places(const ReductionTable& kernels, bool greatest, std::int32_t* y) const noexcept;
};

}  // namespace medtorch
