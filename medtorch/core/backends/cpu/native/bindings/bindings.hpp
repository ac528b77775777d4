// What every file of bindings stands on: one function `bind_<family>` each, called by module.cpp.
// Python has checked shapes and dtypes; what is checked here again is what would read or write outside of memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../kernel_set.hpp"
#include <nanobind/stl/shared_ptr.h>

#include "../launch.hpp"
#include "../memory.hpp"
#include "arrays.hpp"

namespace medtorch {

using KernelSetClass = nb::class_<KernelSet>;

// Weights in the order in which a kernel of one set reads them, packed once for many calls.
struct Packed {
  std::string set, kernel;
  std::vector<Index> shape;
  Scratch data;
};

using MaybePacked = std::shared_ptr<Packed>;

inline const float* packed_data(const MaybePacked& packed, const KernelSet& set, const char* kernel, const std::vector<Index>& shape) {
  if (packed == nullptr) return nullptr;
  require(packed->set == set.name() && packed->kernel == kernel && packed->shape == shape, "the packed weights are others");
  return packed->data.data();
}

void bind_memory(nb::module_& module);
void bind_program(nb::module_& module);
void bind_conv(KernelSetClass& set);
void bind_interpolate(KernelSetClass& set);
void bind_norm(KernelSetClass& set);
void bind_softmax(KernelSetClass& set);
void bind_reduction(KernelSetClass& set);
void bind_elementwise(KernelSetClass& set);
void bind_matmul(KernelSetClass& set);
void bind_optimizer(KernelSetClass& set);
void bind_pool(KernelSetClass& set);
void bind_recurrence(KernelSetClass& set);
void bind_attention(KernelSetClass& set);
void bind_copy(KernelSetClass& set);

}  // namespace medtorch
