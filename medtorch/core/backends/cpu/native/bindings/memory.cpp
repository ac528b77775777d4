// Arrays in memory of the pool, and what it holds.
#include "../memory.hpp"

#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>
#include <vector>

#include "bindings.hpp"

namespace medtorch {
namespace {

// A float32 array of any contents; its memory goes back to the pool with it.
nb::ndarray<nb::numpy, float> empty(const std::vector<Index>& shape) {
  std::size_t bytes = sizeof(float);
  std::vector<std::size_t> sizes;
  for (const Index n : shape) {
    require(n >= 0, "empty: negative size");
    sizes.push_back(static_cast<std::size_t>(n));
    if (__builtin_mul_overflow(bytes, sizes.back(), &bytes)) throw std::bad_alloc();
  }
  nb::capsule owner;
  void* memory = memory_for_array(bytes == 0 ? sizeof(float) : bytes, owner);
  return nb::ndarray<nb::numpy, float>(memory, sizes.size(), sizes.data(), owner);
}

}  // namespace

void bind_memory(nb::module_& module) {
  module.def("empty", &empty, nb::arg("shape"), nb::rv_policy::reference);
  module.def("memory_stats", [] {
    const MemoryStats s = memory_stats();
    return std::tuple<Index, Index, Index>(s.in_use, s.kept, s.limit);
  });
  module.def("set_memory_limit", &set_memory_limit, nb::arg("bytes"));
  module.def("trim_memory", &trim_memory);
  module.def("hold_memory", &hold_memory, nb::arg("kept"));
}

}  // namespace medtorch
