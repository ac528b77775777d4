// Copies between arrays of one shape whose strides differ.
#pragma once

#include "families/layout.hpp"
#include "loops.hpp"

namespace medtorch {

// to = from over `ndim` dims, the outermost of `to` first; steps in bytes. Elements of `width` bytes.
struct Copy {
  const char* from;
  char* to;
  int ndim;
  Index width, size[most_dims], from_step[most_dims], to_step[most_dims];

  // Order dims by their steps in `to`, leave out those of size 1 and join those that both walk through evenly.
  void prepare() noexcept;
  void run(const LayoutTable& kernels) const noexcept;
};

}  // namespace medtorch
