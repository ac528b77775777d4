// Pools over logical arrays, (N, C, D, H, W); which places each result reads comes from Python, as tables along each dim.
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>

#include <array>
#include <optional>

#include "bindings.hpp"
#include "images.hpp"

namespace medtorch {
namespace {

using Places = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Divisors = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using PlaceOutput = nb::ndarray<std::int64_t, nb::device::cpu>;
using PlaceInput = nb::ndarray<const std::int64_t, nb::device::cpu>;

// Accesses: x, y, place.
struct PoolCall {
  KernelSet set;
  Pool pool;
  ImageCopy x;
  std::array<Places, 3> low, high;  // kept alive
  std::array<Divisors, 3> divisor;

  void operator()(char* const* at) const {
    ImageCopy image = x;
    image.from = numbers_at(at[0]);
    Images images;
    read_images(set, image, images);
    Pool p = pool;
    p.n = images.n;
    p.channels = images.channels;
    p.x = images.data;
    p.x_image = images.image;
    for (int d = 0; d < 3; ++d) p.x_stride[d] = images.stride[d];
    p.y = numbers_at(at[1]);
    p.place = reinterpret_cast<std::int64_t*>(at[2]);
    set->pool.run(p);
  }
};

// The boxes of a pool over an image of `size`, checked.
void read_boxes(Pool& p, const std::array<Places, 3>& low, const std::array<Places, 3>& high, const std::array<Index, 3>& step) {
  for (int d = 0; d < 3; ++d) {
    p.step[d] = step[d];
    p.low[d] = low[d].data();
    p.high[d] = high[d].data();
    require(step[d] > 0 && size(low[d], 0) == p.count[d] && size(high[d], 0) == p.count[d], "pool: tables do not fit");
    for (Index o = 0; o < p.count[d]; ++o)
      require(p.low[d][o] >= 0 && p.high[d][o] <= p.size[d] && (p.kind != PoolKind::max || p.low[d][o] < p.high[d][o]), "pool: a box leaves the image");
  }
  require(p.size[0] * p.size[1] * p.size[2] < (Index(1) << 31), "pool: a plane has more than 2^31 places");
}

void pool(const KernelSet& set, int kind, const Input& x, const std::array<Places, 3>& low, const std::array<Places, 3>& high, const std::array<Index, 3>& step,
          const std::array<Divisors, 3>& divisor, const Output& y, const std::optional<PlaceOutput>& place) {
  require(kind >= 0 && kind <= static_cast<int>(PoolKind::share), "pool: no such kind");
  require(x.ndim() == 5 && y.ndim() == 5 && x.shape(0) == y.shape(0) && x.shape(1) == y.shape(1), "pool: x and y need 5 dims, one batch and one number of channels");
  require(size(y, 1) == 1 || y.stride(1) == 1, "pool: y must have its channels side by side");
  Pool p{};
  p.kind = static_cast<PoolKind>(kind);
  for (int d = 0; d < 3; ++d) {
    p.size[d] = size(x, 2 + d);
    p.count[d] = size(y, 2 + d);
    p.divisor[d] = divisor[d].data();
    p.y_stride[d] = y.stride(2 + d);
    const Index divisors = p.kind == PoolKind::max ? 0 : p.kind == PoolKind::mean ? p.count[d] : p.size[d];
    require(size(divisor[d], 0) == divisors, "pool: divisors do not fit");
  }
  read_boxes(p, low, high, step);
  p.y_image = y.stride(0);
  if (place) {
    require(p.kind == PoolKind::max && place->ndim() == 5, "pool: places are those of a maximum");
    for (std::size_t d = 0; d < 5; ++d)
      require(place->shape(d) == y.shape(d) && (y.shape(d) == 1 || place->stride(d) == y.stride(d)), "pool: places must lie as y");
  }
  launch({reads(x), writes(y), place ? writes(*place) : nothing()}, true, PoolCall{set, p, copy_of(x), low, high, divisor});
}

// dx (as x) of a maximum over boxes, from x and the gradient dy of its result. dx must have its channels side by side.
void max_pool_input_grad(const KernelSet& set, const Input& x, const Input& dy, const std::array<Places, 3>& low, const std::array<Places, 3>& high,
                         const std::array<Index, 3>& step, const Output& dx) {
  require(x.ndim() == 5 && dy.ndim() == 5 && dx.ndim() == 5 && same_shape(x, dx), "max_pool_input_grad: arrays need 5 dims, dx the shape of x");
  require(dy.shape(0) == x.shape(0) && dy.shape(1) == x.shape(1), "max_pool_input_grad: dy does not fit");
  require(size(dx, 1) == 1 || dx.stride(1) == 1, "max_pool_input_grad: dx must have its channels side by side");
  Pool p{};
  p.kind = PoolKind::max;
  Index dx_stride[3];
  for (int d = 0; d < 3; ++d) {
    p.size[d] = size(x, 2 + d);
    p.count[d] = size(dy, 2 + d);
    dx_stride[d] = dx.stride(2 + d);
  }
  read_boxes(p, low, high, step);
  const NativeCall call;
  Images from, grads;
  read_images(set, copy_of(x), from);
  read_images(set, copy_of(dy), grads);
  p.n = from.n;
  p.channels = from.channels;
  p.x = from.data;
  p.x_image = from.image;
  p.y = const_cast<float*>(grads.data);
  p.y_image = grads.image;
  for (int d = 0; d < 3; ++d) {
    p.x_stride[d] = from.stride[d];
    p.y_stride[d] = grads.stride[d];
  }
  set->pool.max_input_grad(p, dx.data(), dx.stride(0), dx_stride);
}

// dy and place (N, C, pixels); dx (N, area, C) without gaps.
void pool_scatter(const KernelSet& set, const Input& dy, const PlaceInput& place, const Output& dx) {
  require(dy.ndim() == 3 && place.ndim() == 3 && dx.ndim() == 3 && is_contiguous(dx), "pool_scatter: arrays need 3 dims, dx no gaps");
  for (std::size_t d = 0; d < 3; ++d) require(dy.shape(d) == place.shape(d), "pool_scatter: dy and place differ in shape");
  require(dy.shape(0) == dx.shape(0) && dy.shape(1) == dx.shape(2), "pool_scatter: dx does not fit");
  PoolScatter s{size(dy, 0), size(dy, 1), size(dy, 2), size(dx, 1), nullptr, place.data(), place.stride(0), place.stride(1), place.stride(2), dx.data()};
  const Scratch turned(s.n * s.channels * s.pixels);
  const ImageCopy copy{dy.data(), s.n, s.channels, {1, 1, s.pixels}, dy.stride(0), dy.stride(1), {0, 0, dy.stride(2)}, turned.data(), {0, 0, 0}, {1, 1, s.pixels}};
  bool inside = true;
  {
    const NativeCall call;
    set->layout.to_channels_last(copy);
    s.dy = turned.data();
    inside = set->pool.scatter(s);
  }
  require(inside, "pool_scatter: an index lies outside of the plane");
}

}  // namespace

void bind_pool(KernelSetClass& set) {
  set.def("pool", &pool, nb::arg("kind"), nb::arg("x"), nb::arg("low"), nb::arg("high"), nb::arg("step"), nb::arg("divisor"), nb::arg("y"),
          nb::arg("place").none());
  set.def("max_pool_input_grad", &max_pool_input_grad, nb::arg("x"), nb::arg("dy"), nb::arg("low"), nb::arg("high"), nb::arg("step"), nb::arg("dx"));
  set.def("pool_scatter", &pool_scatter, nb::arg("dy"), nb::arg("place"), nb::arg("dx"));
}

}  // namespace medtorch
