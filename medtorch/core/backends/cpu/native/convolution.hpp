// Convolutions from whole arrays on: which algorithm a shape gets, how its images are read, and what is computed twice.
#pragma once

#include "images.hpp"

namespace medtorch {

// By the shape of one image alone (never by the batch, the threads or the kernel set), so that the choice changes no bit between them.
ConvAlgorithm conv_algorithm(const ConvShape&, Algorithms allowed) noexcept;

const ConvTable& conv_table(const KernelSet&, const ConvShape&, ConvAlgorithm) noexcept;

// A convolution of images of any layout. `shape` has the places (size, count, kernel, stride, before, dilation), the channels, and
// where y lies; where x lies follows from `x`.
struct Convolution {
  ImageCopy x;
  ConvShape shape;
  ConvWeight weight;
  const float* packed;  // by the table of `algorithm`, or null
  ConvAlgorithm algorithm;
  Epilogue end;  // its residual may lie where y does
  float* y;
};

// Throws std::bad_alloc. Python's lock need not be held.
void convolve(const KernelSet&, const Convolution&);
// The gradient of the weights.
void convolve_weight_grad(const KernelSet&, const ConvWeightGrad&, Algorithms allowed);

}  // namespace medtorch
