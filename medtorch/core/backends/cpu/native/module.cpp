// The Python face of the native CPU backend: bindings alone, every kernel lives in a file of its own.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "cpuid.hpp"

namespace nb = nanobind;

NB_MODULE(_native, module) {
  module.doc() = "medtorch's native CPU backend";
  module.attr("compiler") = __VERSION__;
  module.def("instruction_sets", &medtorch::instruction_sets,
             "Names of the kernel sets that this machine can run, from the plainest to the widest.");
}
