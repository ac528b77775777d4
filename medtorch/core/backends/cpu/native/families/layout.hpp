// What the layout family offers: copies that change the order of memory.
#pragma once

#include "family.hpp"

namespace medtorch {

// An image batch copied to channels-last memory, with a border of zeros: to (n, padded..., channels) without gaps.
struct ImageCopy {
  const float* from;
  Index n, channels, size[3];
  Index from_image, from_channel, from_stride[3];  // in floats
  float* to;
  Index before[3], padded[3];
};

struct LayoutTable {
  void (*to_channels_last)(const ImageCopy&) noexcept;
  // to[j][i] = from[i][j] for `rows` rows of `columns`; distances of rows in floats.
  void (*transpose)(const float* from, Index from_row, Index rows, Index columns, float* to, Index to_row) noexcept;
};

}  // namespace medtorch
