// NumPy arrays as kernels want them: checked once, at the border.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "../families/family.hpp"
#include "../float_environment.hpp"

namespace medtorch {

namespace nb = nanobind;

using Input = nb::ndarray<const float, nb::device::cpu>;
using Output = nb::ndarray<float, nb::device::cpu>;
using MaybeInput = std::optional<Input>;

inline void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

template <typename Array>
Index size(const Array& a, std::size_t dim) {
  return static_cast<Index>(a.shape(dim));
}

template <typename Array>
bool same_shape(const Array& a, const Output& b) {
  bool same = a.ndim() == b.ndim();
  for (std::size_t d = 0; same && d < a.ndim(); ++d) same = a.shape(d) == b.shape(d);
  return same;
}

// Row-major without gaps.
template <typename Array>
bool is_contiguous(const Array& a) {
  Index expected = 1;
  for (std::size_t d = a.ndim(); d-- > 0;) {
    if (a.shape(d) != 1 && a.stride(d) != expected) return false;
    expected *= size(a, d);
  }
  return true;
}

// Holds while kernels run: Python's lock is free for other threads, and numbers are rounded as the kernels expect.
// Arrays must be looked at before, and nothing of Python touched after.
class NativeCall {
  nb::gil_scoped_release released_;
  FloatEnvironment environment_;
};

}  // namespace medtorch
