// Convolutions over logical arrays, (N, C, D, H, W) whatever their memory.
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>

#include <array>
#include <numeric>
#include <optional>

#include "../memory.hpp"
#include "bindings.hpp"
#include "images.hpp"

namespace medtorch {
namespace {

using Sizes = std::array<Index, 3>;

struct Window {
  Sizes kernel, stride, before, dilation;
  Index groups;
};

void check_image(const Input& x, const char* message) { require(x.ndim() == 5, message); }

ConvShape shape_of(const Images& x, const Output& y, const Window& w) {
  ConvShape s{};
  s.n = x.n;
  s.groups = w.groups;
  s.inputs = x.channels / w.groups;
  s.outputs = size(y, 1) / w.groups;
  s.x_image = x.image;
  s.y_image = y.stride(0);
  for (int d = 0; d < 3; ++d) {
    s.size[d] = x.size[d];
    s.count[d] = size(y, 2 + d);
    s.kernel[d] = w.kernel[d];
    s.stride[d] = w.stride[d];
    s.before[d] = w.before[d];
    s.dilation[d] = w.dilation[d];
    s.x_stride[d] = x.stride[d];
    s.y_stride[d] = y.stride(2 + d);
  }
  return s;
}

const ConvTable& table_for(const KernelSet& set, const ConvShape& s) {
  return s.inputs == 1 && s.outputs == 1 && s.groups > 1 ? set->depthwise : set->conv;
}

void check_arrays(const Input& x, const Input& weight, const MaybeInput& bias, const Output& y, const Window& w, Index inputs, Index outputs) {
  require(x.ndim() == 5 && weight.ndim() == 5 && y.ndim() == 5 && size(x, 0) == size(y, 0), "conv: x, weight and y need 5 dims, x and y one batch");
  require(w.groups > 0 && size(x, 1) == inputs * w.groups && size(y, 1) == outputs * w.groups && size(weight, 0) % w.groups == 0,
          "conv: channels and groups do not fit");
  require(!bias || (bias->ndim() == 1 && size(*bias, 0) == size(y, 1) && (size(y, 1) == 1 || bias->stride(0) == 1)), "conv: bias does not fit");
  require(size(y, 1) == 1 || y.stride(1) == 1, "conv: y must have its channels side by side");
  for (int d = 0; d < 3; ++d) require(w.stride[d] > 0 && w.dilation[d] > 0, "conv: stride and dilation must be positive");
}

// Few channels make short rows of the kernel. In a copy with its border written out a row of the kernel is one stretch of
// memory: (kernel width) x (channels) inputs of a kernel one place wide. The sums keep their order.
bool joins_rows(const ConvShape& s) {
  return s.groups == 1 && s.inputs < 8 && s.kernel[2] > 1 && s.dilation[2] == 1 && s.inputs * s.kernel[2] <= 64;
}

// Reads the images so and tells the shape that `run` sees then.
ConvShape join_rows(const KernelSet& set, const ImageCopy& images, ConvShape s, Images& x) {
  ImageCopy c = images;
  for (int d = 0; d < 3; ++d) {
    const Index reach = (s.count[d] - 1) * s.stride[d] + (s.kernel[d] - 1) * s.dilation[d] + 1;
    c.before[d] = std::max<Index>(0, s.before[d]);
    c.padded[d] = std::max(c.before[d] + c.size[d], c.before[d] - s.before[d] + reach);
    s.before[d] -= c.before[d];
  }
  copy_images(set, c, x);
  s.x_image = x.image;
  for (int d = 0; d < 3; ++d) {
    s.size[d] = x.size[d];
    s.x_stride[d] = x.stride[d];
  }
  s.size[2] -= s.kernel[2] - 1;
  s.inputs *= s.kernel[2];
  s.kernel[2] = 1;
  return s;
}

ConvWeight weight_of(const Input& weight, Index groups) {
  return {weight.data(), size(weight, 0) / groups * weight.stride(0), weight.stride(0), weight.stride(1),
          {weight.stride(2), weight.stride(3), weight.stride(4)}};
}

std::vector<Index> packed_shape(const Input& weight, Index groups) {
  std::vector<Index> shape{groups};
  for (std::size_t d = 0; d < weight.ndim(); ++d) shape.push_back(size(weight, d));
  return shape;
}

Packed* pack_conv(const KernelSet& set, const Input& weight, Index groups) {
  check_image(weight, "conv: weight needs 5 dims");
  require(groups > 0 && size(weight, 0) % groups == 0, "conv: channels and groups do not fit");
  ConvShape s{};
  s.groups = groups;
  s.inputs = size(weight, 1);
  s.outputs = size(weight, 0) / groups;
  for (int d = 0; d < 3; ++d) s.kernel[d] = size(weight, 2 + d);
  const ConvWeight source = weight_of(weight, groups);
  const ConvTable& table = table_for(set, s);
  auto* packed = new Packed{set.name(), "conv", packed_shape(weight, groups), Scratch(table.packed_size(s))};
  const NativeCall call;
  table.pack(s, source, packed->data.data());
  return packed;
}

void conv(const KernelSet& set, const Input& x, const Input& weight, const MaybeInput& bias, const MaybeInput& residual, const Output& y,
          const Sizes& stride, const Sizes& before, const Sizes& dilation, Index groups, int activation, float alpha, const Packed* packed) {
  check_image(weight, "conv: weight needs 5 dims");
  const Window w{{size(weight, 2), size(weight, 3), size(weight, 4)}, stride, before, dilation, groups};
  check_arrays(x, weight, bias, y, w, size(weight, 1), size(weight, 0) / std::max<Index>(1, groups));
  if (residual) {
    require(same_shape(*residual, y), "conv: residual must have the shape of y");
    for (std::size_t d = 0; d < 5; ++d) require(y.shape(d) == 1 || residual->stride(d) == y.stride(d), "conv: residual must lie as y");
  }
  require(activation >= 0 && activation <= static_cast<int>(Activation::leaky_relu), "conv: no such activation");
  const Epilogue e{bias ? bias->data() : nullptr, residual ? residual->data() : nullptr, static_cast<Activation>(activation), alpha};
  const ConvWeight source = weight_of(weight, groups);
  const float* ready = packed_data(packed, set, "conv", packed_shape(weight, groups));
  float* to = y.data();
  const NativeCall call;
  Images images;
  describe_images(copy_of(x), images);
  const ConvShape shape = shape_of(images, y, w);
  if (shape.n == 0) return;
  const ConvTable& table = table_for(set, shape);
  std::optional<Scratch> own;
  if (ready == nullptr) {
    own.emplace(table.packed_size(shape));
    table.pack(shape, source, own->data());
    ready = own->data();
  }
  if (joins_rows(shape)) {
    const ConvShape joined = join_rows(set, copy_of(x), shape, images);
    table.run(joined, images.data, ready, e, to);
  } else {
    read_images(set, copy_of(x), images);
    table.run(shape_of(images, y, w), images.data, ready, e, to);
  }
}

// One dim of a phase: the places q = phase + stride * j of dx, and the taps of the kernel that reach them.
struct Phase {
  Index count, taps, first_tap, tap_step, before, dilation;
};

Phase phase_of(Index phase, Index places, Index kernel, Index stride, Index before, Index dilation) {
  Phase p{(places - phase + stride - 1) / stride, 0, 0, 0, 0, 1};
  const Index step = stride / std::gcd(stride, dilation);
  Index last = -1;
  for (Index k = 0; k < kernel; ++k)
    if ((phase + before - k * dilation) % stride == 0) {
      last = k;
      ++p.taps;
    }
  if (p.taps > 0) {  // from the last tap down, so that places of dy go up
    p.first_tap = last;
    p.tap_step = -step;
    p.before = -((phase + before - last * dilation) / stride);
    p.dilation = step * dilation / stride;
  }
  return p;
}

// dx (y here) from dy (x here): each phase of dx, places at one distance of `stride`, is a convolution of dy with every
// `stride`-th tap of the kernel, turned round.
void conv_input_grad(const KernelSet& set, const Input& dy, const Input& weight, const MaybeInput& bias, const Output& dx, const Sizes& stride,
                     const Sizes& before, const Sizes& dilation, Index groups) {
  check_image(weight, "conv: weight needs 5 dims");
  Window w{{size(weight, 2), size(weight, 3), size(weight, 4)}, stride, before, dilation, groups};
  check_arrays(dy, weight, bias, dx, w, size(weight, 0) / std::max<Index>(1, groups), size(weight, 1));
  const Epilogue e{bias ? bias->data() : nullptr, nullptr, Activation::none, 0.0f};
  float* to = dx.data();
  const NativeCall call;
  Images images;
  read_images(set, copy_of(dy), images);
  if (images.n == 0) return;
  const ConvShape whole = shape_of(images, dx, w);
  Index at[3];
  for (at[0] = 0; at[0] < std::min(stride[0], whole.count[0]); ++at[0])
    for (at[1] = 0; at[1] < std::min(stride[1], whole.count[1]); ++at[1])
      for (at[2] = 0; at[2] < std::min(stride[2], whole.count[2]); ++at[2]) {
        ConvShape s = whole;
        ConvWeight source{weight.data(), size(weight, 0) / groups * weight.stride(0), weight.stride(1), weight.stride(0), {}};
        Index offset = 0;
        for (int d = 0; d < 3; ++d) {
          const Phase p = phase_of(at[d], whole.count[d], w.kernel[d], stride[d], before[d], dilation[d]);
          s.count[d] = p.count;
          s.kernel[d] = p.taps;
          s.stride[d] = 1;
          s.before[d] = p.before;
          s.dilation[d] = p.dilation;
          s.y_stride[d] = whole.y_stride[d] * stride[d];
          source.first += p.first_tap * weight.stride(2 + d);
          source.tap[d] = p.tap_step * weight.stride(2 + d);
          offset += at[d] * whole.y_stride[d];
        }
        const ConvTable& table = table_for(set, s);
        const Scratch packed(table.packed_size(s));
        table.pack(s, source, packed.data());
        table.run(s, images.data, packed.data(), e, to + offset);
      }
}

// dw (O, C / groups, kernel...) without gaps.
void conv_weight_grad(const KernelSet& set, const Input& x, const Input& dy, const Output& dw, const Sizes& stride, const Sizes& before,
                      const Sizes& dilation, Index groups) {
  require(x.ndim() == 5 && dy.ndim() == 5 && dw.ndim() == 5 && is_contiguous(dw) && size(x, 0) == size(dy, 0),
          "conv: x, dy and dw need 5 dims, x and dy one batch, dw no gaps");
  require(groups > 0 && size(dw, 0) == size(dy, 1) && size(dw, 1) * groups == size(x, 1) && size(dw, 0) % groups == 0,
          "conv: channels and groups do not fit");
  for (int d = 0; d < 3; ++d) require(stride[d] > 0 && dilation[d] > 0, "conv: stride and dilation must be positive");
  const Window w{{size(dw, 2), size(dw, 3), size(dw, 4)}, stride, before, dilation, groups};
  float* to = dw.data();
  const NativeCall call;
  Images images, gradients;
  read_images(set, copy_of(x), images);
  read_images(set, copy_of(dy), gradients);
  ConvWeightGrad g{{}, images.data, gradients.data, to};
  g.shape.n = images.n;
  g.shape.groups = groups;
  g.shape.inputs = images.channels / groups;
  g.shape.outputs = gradients.channels / groups;
  g.shape.x_image = images.image;
  g.shape.y_image = gradients.image;
  for (int d = 0; d < 3; ++d) {
    g.shape.size[d] = images.size[d];
    g.shape.count[d] = gradients.size[d];
    g.shape.kernel[d] = w.kernel[d];
    g.shape.stride[d] = stride[d];
    g.shape.before[d] = before[d];
    g.shape.dilation[d] = dilation[d];
    g.shape.x_stride[d] = images.stride[d];
    g.shape.y_stride[d] = gradients.stride[d];
  }
  const Scratch scratch(set->conv_weight_grad.scratch_size(g));
  set->conv_weight_grad.run(g, scratch.data());
}

}  // namespace

void bind_conv(KernelSetClass& set) {
  set.def("conv", &conv, nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("residual").none(), nb::arg("y"), nb::arg("stride"),
          nb::arg("before"), nb::arg("dilation"), nb::arg("groups"), nb::arg("activation"), nb::arg("alpha"),
          nb::arg("packed").none() = nb::none());
  set.def("pack_conv", &pack_conv, nb::arg("weight"), nb::arg("groups"), nb::rv_policy::take_ownership);
  set.def("conv_input_grad", &conv_input_grad, nb::arg("dy"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("dx"), nb::arg("stride"),
          nb::arg("before"), nb::arg("dilation"), nb::arg("groups"));
  set.def("conv_weight_grad", &conv_weight_grad, nb::arg("x"), nb::arg("dy"), nb::arg("dw"), nb::arg("stride"), nb::arg("before"),
          nb::arg("dilation"), nb::arg("groups"));
}

}  // namespace medtorch
