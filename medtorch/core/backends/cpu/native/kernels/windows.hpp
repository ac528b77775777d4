// Where the windows of a few pixels begin, and where their results go.
#pragma once

#include "../activations.hpp"
#include "tile.hpp"

namespace medtorch::MEDTORCH_ISA {

constexpr int most_rows = 16;  // of any tile, of any set

// What all tiles of one image share.
struct Source {
  const float* image;
  const float* zeros;  // as many as there are inputs: what padding reads
  Index inputs;
  Index kernel[3], dilation[3], size[3], distance[3];  // distance: floats from one place of the input to the next
  Index taps_in_block;
};

// Where the windows of a tile's pixels begin; outside of the image where they reach into padding.
struct Windows {
  Index at[most_rows][3];
  Index y[most_rows];  // where the result goes, in floats
  bool inside;         // no window reaches into padding
};

// Pointers to what each of `height` windows reads at a tap.
inline void locate(const Source& s, const Windows& w, int height, const Index (&tap)[3], const float** p) noexcept {
  for (int i = 0; i < height; ++i) {
    bool inside = true;
    Index offset = 0;
    for (int d = 0; d < 3; ++d) {
      const Index at = w.at[i][d] + tap[d] * s.dilation[d];
      inside = inside && at >= 0 && at < s.size[d];
      offset += at * s.distance[d];
    }
    p[i] = inside ? s.image + offset : s.zeros;
  }
}

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
