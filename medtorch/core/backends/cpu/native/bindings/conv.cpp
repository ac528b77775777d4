// Convolutions over logical arrays, (N, C, D, H, W) whatever their memory.
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <numeric>
#include <optional>

#include "../convolution.hpp"
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

ConvShape shape_of(const Input& x, const Output& y, const Window& w) {
  ConvShape s{};
  s.n = size(x, 0);
  s.groups = w.groups;
  s.inputs = size(x, 1) / w.groups;
  s.outputs = size(y, 1) / w.groups;
  s.y_image = y.stride(0);
  for (int d = 0; d < 3; ++d) {
    s.size[d] = size(x, 2 + d);
    s.count[d] = size(y, 2 + d);
    s.kernel[d] = w.kernel[d];
    s.stride[d] = w.stride[d];
    s.before[d] = w.before[d];
    s.dilation[d] = w.dilation[d];
    s.y_stride[d] = y.stride(2 + d);
  }
  return s;
}

Algorithms allowed(int algorithms) {
  require(algorithms >= 0 && algorithms <= static_cast<int>(Algorithms::fast), "conv: no such algorithms");
  return static_cast<Algorithms>(algorithms);
}

// The kernel whose packed weights an algorithm reads.
const char* name_of(ConvAlgorithm algorithm) {
  constexpr const char* names[] = {"direct", "winograd2", "winograd4"};
  return names[static_cast<int>(algorithm)];
}

void check_arrays(const Input& x, const Input& weight, const MaybeInput& bias, const Output& y, const Window& w, Index inputs, Index outputs) {
  require(x.ndim() == 5 && weight.ndim() == 5 && y.ndim() == 5 && size(x, 0) == size(y, 0), "conv: x, weight and y need 5 dims, x and y one batch");
  require(w.groups > 0 && size(x, 1) == inputs * w.groups && size(y, 1) == outputs * w.groups && size(weight, 0) % w.groups == 0,
          "conv: channels and groups do not fit");
  require(!bias || (bias->ndim() == 1 && size(*bias, 0) == size(y, 1) && (size(y, 1) == 1 || bias->stride(0) == 1)), "conv: bias does not fit");
  require(size(y, 1) == 1 || y.stride(1) == 1, "conv: y must have its channels side by side");
  for (int d = 0; d < 3; ++d) require(w.stride[d] > 0 && w.dilation[d] > 0, "conv: stride and dilation must be positive");
}

void check_end(const MaybeInput& residual, const Output& y, int activation) {
  if (residual) {
    require(same_shape(*residual, y), "conv: residual must have the shape of y");
    for (std::size_t d = 0; d < 5; ++d) require(y.shape(d) == 1 || residual->stride(d) == y.stride(d), "conv: residual must lie as y");
  }
  require(activation >= 0 && activation < static_cast<int>(Activation::count), "conv: no such activation");
}

void check_gate(const Input& gate, const ConvShape& s, const KernelSet& set) {
  require(gate.ndim() == 5 && size(gate, 0) == s.n && size(gate, 1) == s.inputs && size(gate, 2) * size(gate, 3) * size(gate, 4) == 1,
          "conv: the gate needs one number for each channel of x");
  require(size(gate, 1) == 1 || gate.stride(1) == 1, "conv: the gate must have its channels side by side");
  bool places = s.groups == 1 && s.taps() == 1;
  for (int d = 0; d < 3; ++d) places = places && s.before[d] == 0 && (s.count[d] - 1) * s.stride[d] < s.size[d];
  require(places, "conv: a gate needs a kernel of one place, inside of the image");
  require(&conv_table(set, s, ConvAlgorithm::direct) == &set->conv, "conv: a gate needs more than 8 outputs");
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

Packed* pack_conv(const KernelSet& set, const Input& weight, Index groups, const std::string& algorithm) {
  check_image(weight, "conv: weight needs 5 dims");
  require(groups > 0 && size(weight, 0) % groups == 0, "conv: channels and groups do not fit");
  ConvAlgorithm chosen = ConvAlgorithm::direct;
  while (chosen != ConvAlgorithm::winograd4 && algorithm != name_of(chosen)) chosen = static_cast<ConvAlgorithm>(static_cast<int>(chosen) + 1);
  require(algorithm == name_of(chosen), "conv: no such algorithm");
  ConvShape s{};
  s.groups = groups;
  s.inputs = size(weight, 1);
  s.outputs = size(weight, 0) / groups;
  for (int d = 0; d < 3; ++d) s.kernel[d] = size(weight, 2 + d);
  require(chosen == ConvAlgorithm::direct || (groups == 1 && s.kernel[1] == 3 && s.kernel[2] == 3),
          "conv: this algorithm takes kernels of 3x3 alone");
  const ConvWeight source = weight_of(weight, groups);
  const ConvTable& table = conv_table(set, s, chosen);
  auto* packed = new Packed{set.name(), name_of(chosen), packed_shape(weight, groups), Scratch(table.packed_size(s))};
  const NativeCall call;
  table.pack(s, source, packed->data.data());
  return packed;
}

// What a convolution of these sizes is computed by, for arrays of any batch and layout.
const char* algorithm_of(const KernelSet&, Index inputs, Index outputs, const Sizes& size, const Sizes& count, const Sizes& kernel, const Sizes& stride,
                         const Sizes& before, const Sizes& dilation, Index groups, int algorithms) {
  require(groups > 0, "conv: channels and groups do not fit");
  ConvShape s{};
  s.groups = groups;
  s.inputs = inputs / groups;
  s.outputs = outputs / groups;
  for (int d = 0; d < 3; ++d) {
    const auto at = static_cast<std::size_t>(d);
    s.size[d] = size[at];
    s.count[d] = count[at];
    s.kernel[d] = kernel[at];
    s.stride[d] = stride[at];
    s.before[d] = before[at];
    s.dilation[d] = dilation[at];
  }
  return name_of(conv_algorithm(s, allowed(algorithms)));
}

// Accesses: x, weight, bias, residual, y, gate.
struct ConvCall {
  KernelSet set;
  Convolution shape;
  MaybePacked packed;  // kept alive

  void operator()(char* const* at) const {
    Convolution c = shape;
    c.x.from = numbers_at(at[0]);
    c.weight.first = numbers_at(at[1]);
    c.end.bias = numbers_at(at[2]);
    c.end.residual = numbers_at(at[3]);
    c.y = numbers_at(at[4]);
    c.shape.gate = numbers_at(at[5]);
    convolve(set, c);
  }
};

void conv(const KernelSet& set, const Input& x, const Input& weight, const MaybeInput& bias, const MaybeInput& residual, const Output& y,
          const Sizes& stride, const Sizes& before, const Sizes& dilation, Index groups, int activation, float alpha, int algorithms,
          const MaybePacked& packed, const MaybeInput& gate) {
  check_image(weight, "conv: weight needs 5 dims");
  const Window w{{size(weight, 2), size(weight, 3), size(weight, 4)}, stride, before, dilation, groups};
  check_arrays(x, weight, bias, y, w, size(weight, 1), size(weight, 0) / std::max<Index>(1, groups));
  check_end(residual, y, activation);
  const Epilogue e{nullptr, nullptr, static_cast<Activation>(activation), alpha};
  ConvShape s = shape_of(x, y, w);
  if (gate) {
    check_gate(*gate, s, set);
    s.gate_image = gate->stride(0);
  }
  const ConvAlgorithm chosen = conv_algorithm(s, allowed(algorithms));
  const float* const ready = packed_data(packed, set, name_of(chosen), packed_shape(weight, groups));
  const bool reads_weight = ready == nullptr || chosen != ConvAlgorithm::direct;  // Winograd's may have to compute an image directly
  launch({reads(x), reads_weight ? reads(weight) : nothing(), reads(bias), reads(residual), writes(y), reads(gate)}, true,
         ConvCall{set, {copy_of(x), s, weight_of(weight, groups), ready, chosen, e, nullptr}, packed});
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
// `stride`-th tap of the kernel, turned round. Accesses: dy, weight, bias, residual, dx.
struct ConvInputGradCall {
  KernelSet set;
  ImageCopy dy;
  ConvShape whole;
  ConvWeight turned;  // its inputs and outputs
  std::array<Index, 3> tap;
  Window w;
  Algorithms algorithms;
  Activation activation;
  float alpha;
  MaybePacked packed;  // of all phases, one after the other

  void operator()(char* const* at) const {
    ImageCopy source = dy;
    source.from = numbers_at(at[0]);
    Images images;
    read_images(set, source, images);
    const ImageCopy read{images.data, images.n, images.channels, {images.size[0], images.size[1], images.size[2]}, images.image, 1,
                         {images.stride[0], images.stride[1], images.stride[2]}, nullptr, {0, 0, 0}, {images.size[0], images.size[1], images.size[2]}};
    Convolution c{read, whole, turned, nullptr, ConvAlgorithm::direct, {numbers_at(at[2]), numbers_at(at[3]), activation, alpha}, numbers_at(at[4])};
    c.weight.first = numbers_at(at[1]);
    const float* next = packed ? packed->data.data() : nullptr;
    each_phase(c, [&](Convolution phase) {
      phase.packed = next;
      if (next != nullptr) next += packed_size(phase);
      convolve(set, phase);
    });
  }

  // What tells packed weights of all phases from others.
  std::vector<Index> key(const Input& weight) const {
    std::vector<Index> found = packed_shape(weight, w.groups);
    for (const Sizes& sizes : {w.stride, w.before, w.dilation}) found.insert(found.end(), sizes.begin(), sizes.end());
    each_phase(without_arrays(nullptr), [&](const Convolution& phase) { found.push_back(static_cast<Index>(phase.algorithm)); });
    return found;
  }

  Index packed_floats() const {
    Index size = 0;
    each_phase(without_arrays(nullptr), [&](const Convolution& phase) { size += packed_size(phase); });
    return size;
  }

  void pack(const float* weight, float* to) const {
    each_phase(without_arrays(weight), [&](const Convolution& phase) {
      conv_table(set, phase.shape, phase.algorithm).pack(phase.shape, phase.weight, to);
      to += packed_size(phase);
    });
  }

 private:
  Convolution without_arrays(const float* weight) const {
    Convolution c{dy, whole, turned, nullptr, ConvAlgorithm::direct, {}, nullptr};
    c.weight.first = weight;
    return c;
  }

  Index packed_size(const Convolution& c) const { return (conv_table(set, c.shape, c.algorithm).packed_size(c.shape) + 15) / 16 * 16; }

  template <typename F>
  void each_phase(const Convolution& c, const F& f) const {
    Sizes phase;
    for (phase[0] = 0; phase[0] < std::min(w.stride[0], whole.count[0]); ++phase[0])
      for (phase[1] = 0; phase[1] < std::min(w.stride[1], whole.count[1]); ++phase[1])
        for (phase[2] = 0; phase[2] < std::min(w.stride[2], whole.count[2]); ++phase[2]) f(of_phase(c, phase));
  }

  Convolution of_phase(Convolution c, const Sizes& phase) const {
    for (int d = 0; d < 3; ++d) {
      const auto dim = static_cast<std::size_t>(d);
      const Phase p = phase_of(phase[dim], whole.count[d], w.kernel[dim], w.stride[dim], w.before[dim], w.dilation[dim]);
      c.shape.count[d] = p.count;
      c.shape.kernel[d] = p.taps;
      c.shape.stride[d] = 1;
      c.shape.before[d] = p.before;
      c.shape.dilation[d] = p.dilation;
      c.shape.y_stride[d] = whole.y_stride[d] * w.stride[dim];
      if (c.weight.first != nullptr) c.weight.first += p.first_tap * tap[dim];
      c.weight.tap[d] = p.tap_step * tap[dim];
      if (c.y != nullptr) c.y += phase[dim] * whole.y_stride[d];
      if (c.end.residual != nullptr) c.end.residual += phase[dim] * whole.y_stride[d];
    }
    c.algorithm = conv_algorithm(c.shape, algorithms);
    return c;
  }
};

ConvInputGradCall input_grad_call(const KernelSet& set, const Input& dy, const Input& weight, const Output& dx, const Sizes& stride, const Sizes& before,
                                  const Sizes& dilation, Index groups, int algorithms) {
  check_image(weight, "conv: weight needs 5 dims");
  const Window w{{size(weight, 2), size(weight, 3), size(weight, 4)}, stride, before, dilation, groups};
  check_arrays(dy, weight, {}, dx, w, size(weight, 0) / std::max<Index>(1, groups), size(weight, 1));
  const ConvWeight turned{nullptr, size(weight, 0) / groups * weight.stride(0), weight.stride(1), weight.stride(0), {}};
  return {set, copy_of(dy), shape_of(dy, dx, w), turned, {weight.stride(2), weight.stride(3), weight.stride(4)}, w, allowed(algorithms),
          Activation::none, 0.0f, nullptr};
}

std::vector<Index> input_grad_key(const KernelSet& set, const Input& dy, const Input& weight, const Output& dx, const Sizes& stride, const Sizes& before,
                                  const Sizes& dilation, Index groups, int algorithms) {
  return input_grad_call(set, dy, weight, dx, stride, before, dilation, groups, algorithms).key(weight);
}

Packed* pack_input_grad(const KernelSet& set, const Input& dy, const Input& weight, const Output& dx, const Sizes& stride, const Sizes& before,
                        const Sizes& dilation, Index groups, int algorithms) {
  const ConvInputGradCall call = input_grad_call(set, dy, weight, dx, stride, before, dilation, groups, algorithms);
  const float* const from = weight.data();
  std::vector<Index> key = call.key(weight);
  auto* packed = new Packed{set.name(), "conv_input_grad", std::move(key), Scratch(call.packed_floats())};
  const NativeCall released;
  call.pack(from, packed->data.data());
  return packed;
}

void conv_input_grad(const KernelSet& set, const Input& dy, const Input& weight, const MaybeInput& bias, const Output& dx, const Sizes& stride,
                     const Sizes& before, const Sizes& dilation, Index groups, int algorithms, const MaybeInput& residual, int activation, float alpha,
                     const MaybePacked& packed) {
  ConvInputGradCall call = input_grad_call(set, dy, weight, dx, stride, before, dilation, groups, algorithms);
  check_arrays(dy, weight, bias, dx, call.w, size(weight, 0) / std::max<Index>(1, groups), size(weight, 1));
  check_end(residual, dx, activation);
  call.activation = static_cast<Activation>(activation);
  call.alpha = alpha;
  call.packed = packed;
  packed_data(packed, set, "conv_input_grad", packed ? call.key(weight) : std::vector<Index>());
  launch({reads(dy), reads(weight), reads(bias), reads(residual), writes(dx)}, true, call);
}

// dw (O, C / groups, kernel...) without gaps.
void conv_weight_grad(const KernelSet& set, const Input& x, const Input& dy, const Output& dw, const Sizes& stride, const Sizes& before,
                      const Sizes& dilation, Index groups, int algorithms) {
  const Algorithms chosen = allowed(algorithms);
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
  convolve_weight_grad(set, g, chosen);
}

}  // namespace

void bind_conv(KernelSetClass& set) {
  set.def("conv", &conv, nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("residual").none(), nb::arg("y"), nb::arg("stride"),
          nb::arg("before"), nb::arg("dilation"), nb::arg("groups"), nb::arg("activation"), nb::arg("alpha"),
          nb::arg("algorithms"), nb::arg("packed").none() = nb::none(), nb::arg("gate").none() = nb::none());
  set.def("pack_conv", &pack_conv, nb::arg("weight"), nb::arg("groups"), nb::arg("algorithm"), nb::rv_policy::take_ownership);
  set.def("conv_input_grad", &conv_input_grad, nb::arg("dy"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("dx"), nb::arg("stride"),
          nb::arg("before"), nb::arg("dilation"), nb::arg("groups"), nb::arg("algorithms"), nb::arg("residual").none() = nb::none(),
          nb::arg("activation") = 0, nb::arg("alpha") = 0.0f, nb::arg("packed").none() = nb::none());
  set.def("conv_input_grad_key", &input_grad_key, nb::arg("dy"), nb::arg("weight"), nb::arg("dx"), nb::arg("stride"), nb::arg("before"),
          nb::arg("dilation"), nb::arg("groups"), nb::arg("algorithms"));
  set.def("pack_conv_input_grad", &pack_input_grad, nb::arg("dy"), nb::arg("weight"), nb::arg("dx"), nb::arg("stride"), nb::arg("before"),
          nb::arg("dilation"), nb::arg("groups"), nb::arg("algorithms"), nb::rv_policy::take_ownership);
  set.def("conv_algorithm", &algorithm_of, nb::arg("inputs"), nb::arg("outputs"), nb::arg("size"), nb::arg("count"), nb::arg("kernel"),
          nb::arg("stride"), nb::arg("before"), nb::arg("dilation"), nb::arg("groups"), nb::arg("algorithms"));
  set.def("conv_weight_grad", &conv_weight_grad, nb::arg("x"), nb::arg("dy"), nb::arg("dw"), nb::arg("stride"), nb::arg("before"),
          nb::arg("dilation"), nb::arg("groups"), nb::arg("algorithms"));
}

}  // namespace medtorch
