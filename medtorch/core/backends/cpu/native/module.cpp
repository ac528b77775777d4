// The Python face of the native CPU backend: bindings alone, every kernel lives in a file of its own.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "cpuid.hpp"

namespace nb = nanobind;

#if defined(__clang__)
constexpr const char* compiler = __VERSION__;  // names Clang itself
#else
constexpr const char* compiler = "GCC " __VERSION__;
#endif

NB_MODULE(_native, module) {
  module.doc() = "medtorch's native CPU backend";
  module.attr("compiler") = compiler;
  module.def("instruction_sets", &medtorch::instruction_sets,
             "Names of the kernel sets that this machine can run, from the plainest to the widest.");
}
