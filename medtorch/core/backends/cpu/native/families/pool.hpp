// What the family of pools offers: something over a box of places for each place of the result.
#pragma once

#include "family.hpp"

namespace medtorch {

enum class PoolKind : int {
  max,    // the greatest, NaN if one is: the first of equals, the last of NaNs
  mean,   // the sum over the box, divided by the result's own count
  share,  // the sum over the box of each place divided by its own count: the gradient of mean
};

// x and y channels-last with three spatial dims. Along each dim, result o reads low[o], low[o] + step, ... below high[o].
struct Pool {
  PoolKind kind;
  Index n, channels, size[3], count[3], step[3];
  const std::int64_t* low[3];
  const std::int64_t* high[3];
  const float* divisor[3];  // mean: of each result; share: of each place of x. The count is their product
  const float* x;
  Index x_image, x_stride[3];
  float* y;  // read, not written, by max_input_grad
  Index y_image, y_stride[3];
  std::int64_t* place;  // max: which place of the plane it was, laid out as y; or null
};

// dx[n, place, c] = sum of dy[n, p, c] over p with that place, in the order of p. dx without gaps, channels-last.
struct PoolScatter {
  Index n, channels, pixels, area;
  const float* dy;  // channels-last without gaps
  const std::int64_t* place;
  Index place_image, place_channel, place_pixel;
  float* dx;
};

struct PoolTable {
  void (*run)(const Pool&) noexcept;
  // The gradient of max: p.x and p.y are its input and the gradient of its result, dx that of its input, laid out as `dx_stride`
  // says and overwritten. Where boxes overlap gradients are added in the order of the results.
  void (*max_input_grad)(const Pool& p, float* dx, Index dx_image, const Index* dx_stride) noexcept;
  bool (*scatter)(const PoolScatter&) noexcept;  // false where a place lies outside of the plane
};

}  // namespace medtorch
