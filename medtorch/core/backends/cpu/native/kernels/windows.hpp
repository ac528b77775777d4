// Where the windows of a few pixels begin, and where their results go.
#pragma once

#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {

inline Source source_of(const ConvShape& s, const float* image, const float* zeros) noexcept {
  Source out{image, zeros, s.inputs, {}, {}, {}, {}, s.inputs * s.kernel[2] <= block_terms ? s.kernel[2] : 1};
  for (int d = 0; d < 3; ++d) {
    out.kernel[d] = s.kernel[d];
    out.dilation[d] = s.dilation[d];
    out.size[d] = s.size[d];
    out.distance[d] = s.x_stride[d];
  }
  return out;
}

// Whether places of x and y are counted through at one distance each: a kernel of one place, every place used.
inline bool is_flat(const ConvShape& s) noexcept {
  Index x = s.x_stride[2], y = s.y_stride[2];
  for (int d = 2; d >= 0; --d) {
    if (s.kernel[d] != 1 || s.before[d] != 0 || s.size[d] < s.count[d]) return false;
    if (s.count[d] == 1) continue;
    if (s.stride[d] != 1 || s.x_stride[d] != x || s.y_stride[d] != y) return false;
    x *= s.size[d];
    y *= s.count[d];
    if (d > 0 && s.size[d] != s.count[d]) return false;
  }
  return true;
}

// The same convolution with all places along one dim.
inline ConvShape flattened(ConvShape s) noexcept {
  s.size[2] = s.count[2] = s.pixels();
  s.size[0] = s.size[1] = s.count[0] = s.count[1] = 1;
  s.stride[2] = 1;
  return s;
}

inline void find_windows(const ConvShape& s, Index pixel, Index height, Windows& w) noexcept {
  Index at[3] = {0, 0, pixel};
  if (s.count[0] != 1 || s.count[1] != 1) {
    at[0] = pixel / (s.count[1] * s.count[2]);
    at[1] = pixel / s.count[2] % s.count[1];
    at[2] = pixel % s.count[2];
  }
  w.inside = true;
  for (Index i = 0; i < height; ++i) {
    w.y[i] = 0;
    for (int d = 0; d < 3; ++d) {
      const Index start = at[d] * s.stride[d] - s.before[d];
      w.at[i][d] = start;
      w.y[i] += at[d] * s.y_stride[d];
      w.inside = w.inside && start >= 0 && start + (s.kernel[d] - 1) * s.dilation[d] < s.size[d];
    }
    if (++at[2] == s.count[2]) {
      at[2] = 0;
      if (++at[1] == s.count[1]) {
        at[1] = 0;
        ++at[0];
      }
    }
  }
}

}  // namespace medtorch::MEDTORCH_ISA
