// What every file of bindings stands on: one function `bind_<family>` each, called by module.cpp.
// Python has checked shapes and dtypes; what is checked here again is what would read or write outside of memory.
#pragma once

#include "../kernel_set.hpp"
#include "arrays.hpp"

namespace medtorch {

using KernelSetClass = nb::class_<KernelSet>;

void bind_memory(nb::module_& module);
void bind_conv(KernelSetClass& set);
void bind_interpolate(KernelSetClass& set);
void bind_norm(KernelSetClass& set);
void bind_softmax(KernelSetClass& set);
void bind_reduction(KernelSetClass& set);
void bind_elementwise(KernelSetClass& set);
void bind_matmul(KernelSetClass& set);

}  // namespace medtorch
