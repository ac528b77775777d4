// From arrays that broadcast and have strides of their own to the rows that kernels run over.
#pragma once

#include "families/elementwise.hpp"

namespace medtorch {

constexpr int most_dims = 64;  // NumPy's

struct LoopInput {
  bool is_bool;             // bytes of 0 and 1, else floats
  Index step[most_dims];    // in elements, 0 where it broadcasts
};

// y = f(in...) over `ndim` dims, the outermost first in y's memory; then y = `then`(y), if there is one. Along the innermost dim y
// lies without gaps. Built by the bindings, run by kernels of any set.
struct Loop {
  int inputs, ndim;
  Index size[most_dims], y_step[most_dims];
  LoopInput in[most_inputs];
  bool answers;
  float numbers[3];
  MapKernel then = nullptr;
  float then_numbers[3];

  // Leave out dims of size 1 and join those that all inputs walk through evenly. At least one dim stays.
  void join_dims() noexcept;
  Index count() const noexcept;
  // Share the work among threads where `threads` is true. `in` and `y` are where the arrays begin.
  void run(MapKernel kernel, bool threads, const char* const* in, char* y) const noexcept;
};

}  // namespace medtorch
