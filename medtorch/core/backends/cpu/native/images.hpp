// Batches of images as kernels read them: channels side by side, in the array's memory or in a copy.
#pragma once

#include <optional>

#include "kernel_set.hpp"
#include "memory.hpp"

namespace medtorch {

// A batch of images with channels side by side: a view of an array, or a copy of it.
struct Images {
  const float* data = nullptr;
  Index n = 0, channels = 0, size[3] = {}, image = 0, stride[3] = {};
  std::optional<Scratch> copy;
};

inline void copy_images(const KernelSet& set, ImageCopy c, Images& out) {
  out.copy.emplace(c.n * c.padded[0] * c.padded[1] * c.padded[2] * c.channels);
  c.to = out.copy->data();
  set->layout.to_channels_last(c);
  out.data = c.to;
  out.stride[2] = c.channels;
  out.stride[1] = c.padded[2] * out.stride[2];
  out.stride[0] = c.padded[1] * out.stride[1];
  out.image = c.padded[0] * out.stride[0];
  for (int d = 0; d < 3; ++d) out.size[d] = c.padded[d];
}

inline void describe_images(const ImageCopy& c, Images& out) {
  out.n = c.n;
  out.channels = c.channels;
  out.data = c.from;
  out.image = c.from_image;
  for (int d = 0; d < 3; ++d) {
    out.size[d] = c.size[d];
    out.stride[d] = c.from_stride[d];
  }
}

inline void read_images(const KernelSet& set, const ImageCopy& c, Images& out) {
  describe_images(c, out);
  if (c.channels > 1 && c.from_channel != 1) copy_images(set, c, out);
}

}  // namespace medtorch
