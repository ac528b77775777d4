// NumPy arrays as batches of images.
#pragma once

#include "../images.hpp"
#include "bindings.hpp"

namespace medtorch {

inline ImageCopy copy_of(const Input& x) {
  ImageCopy c{x.data(), size(x, 0), size(x, 1), {}, x.stride(0), x.stride(1), {}, nullptr, {0, 0, 0}, {}};
  for (int d = 0; d < 3; ++d) {
    c.size[d] = c.padded[d] = size(x, 2 + d);
    c.from_stride[d] = x.stride(2 + d);
  }
  return c;
}

}  // namespace medtorch
