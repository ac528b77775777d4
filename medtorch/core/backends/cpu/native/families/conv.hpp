// What the convolution family offers, for every kernel set alike.
#pragma once

#include "family.hpp"

namespace medtorch {

// What follows a product, in this order: + residual, then the activation.
enum class Activation : int {
  none, relu, relu6, leaky_relu, elu, silu, mish, gelu, gelu_tanh, hardswish, hardsigmoid, sigmoid, tanh, softplus, count,
};

// A convolution over channels-last images: x (n, size..., groups * inputs), y (n, count..., groups * outputs), always three
// spatial dims, the missing ones of size 1. Strides are counted in floats: x and y may be slices or phases of wider images.
struct ConvShape {
  Index n, groups, inputs, outputs;
  Index size[3], count[3], kernel[3], stride[3], before[3], dilation[3];
  Index x_image, x_stride[3], y_image, y_stride[3];
  bool stretches;  // all windows are inside of the image
  // Null, or by what the channels of x are multiplied before all else, `gate_image` floats from image to image: of kernels of one place alone.
  const float* gate;
  Index gate_image;

  Index taps() const noexcept { return kernel[0] * kernel[1] * kernel[2]; }
  Index pixels() const noexcept { return count[0] * count[1] * count[2]; }
  Index terms() const noexcept { return taps() * inputs; }

  // The results [first, last) along dim d for which place k of the kernel lies inside of the image. No kernel set may keep a copy of these
  // of its own, hence always_inline.
  __attribute__((always_inline)) Index first_inside(int d, Index k) const noexcept {
    const Index gap = before[d] - k * dilation[d], first = gap <= 0 ? 0 : (gap + stride[d] - 1) / stride[d];
    return first < count[d] ? first : count[d];
  }
  __attribute__((always_inline)) Index last_inside(int d, Index k) const noexcept {
    const Index gap = size[d] + before[d] - k * dilation[d], last = gap <= 0 ? 0 : (gap + stride[d] - 1) / stride[d], first = first_inside(d, k);
    return last < first ? first : last < count[d] ? last : count[d];
  }
  // Results along dim d times the places of the kernel that lie inside for them.
  __attribute__((always_inline)) Index products(int d) const noexcept {
    Index sum = 0;
    for (Index k = 0; k < kernel[d]; ++k) sum += last_inside(d, k) - first_inside(d, k);
    return sum;
  }
};

// What a caller allows, and what a shape then gets: the numbers of both are those that Python uses.
enum class Algorithms : int { direct, standard, fast };
enum class ConvAlgorithm : int { direct, winograd2, winograd4 };  // Winograd's for tiles of 2x2 and of 4x4 results

// Where weight (group, output, input, tap) lies: from the first, in floats. Taps may be turned round (negative strides) and be
// every second one only (phases of a transposed convolution).
struct ConvWeight {
  const float* first;
  Index group, output, input, tap[3];
};

struct Epilogue {
  const float* bias;      // (groups * outputs), or null
  const float* residual;  // laid out as y, or null
  Activation activation;
  float alpha;
};

// Memory that `run` needs on the side: `size` floats, made for `threads` threads.
struct ConvScratch {
  float* data;
  int threads;
  // One a image, 0 at first; 1 is written where an image must be computed anew by the direct algorithm. Null where none can.
  unsigned char* unsure;
};

// Weights in the order in which `run` reads them, or (`packed` is null) as users keep them.
struct ConvWeights {
  const float* packed;
  ConvWeight plain;
};

struct ConvTable {
  // Floats that `pack` writes.
  Index (*packed_size)(const ConvShape&) noexcept;
  void (*pack)(const ConvShape&, const ConvWeight&, float* packed) noexcept;
  // Whether `run` would rather pack weights itself, where each is needed once: in the cache of the thread that reads them next.
  bool (*packs_itself)(const ConvShape&, int threads) noexcept;
  Index (*scratch_size)(const ConvShape&, int threads, bool packed) noexcept;
  // Packed weights always, plain ones where `packs_itself`.
  void (*run)(const ConvShape&, const float* x, const ConvWeights&, const Epilogue&, float* y, const ConvScratch&) noexcept;
};

// How dy follows the weights: the places as in ConvShape, with dy in the place of y.
struct ConvWeightGrad {
  ConvShape shape;
  const float* x;
  const float* dy;
  float* dw;  // (groups * outputs, inputs, kernel...) without gaps
};

struct ConvWeightGradTable {
  // Floats of scratch that `run` needs.
  Index (*scratch_size)(const ConvWeightGrad&) noexcept;
  // Writes 1 to `unsure`, 0 at first, where the gradient must be computed anew by the direct algorithm.
  void (*run)(const ConvWeightGrad&, float* scratch, unsigned char* unsure) noexcept;
};

}  // namespace medtorch
