// The Python face of the native CPU backend: bindings alone, one file a family in bindings/.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/bindings.hpp"
#include "cpuid.hpp"
#include "parallel.hpp"

namespace nb = nanobind;
using namespace medtorch;

#if defined(__clang__)
constexpr const char* compiler = __VERSION__;  // names Clang itself
#else
constexpr const char* compiler = "GCC " __VERSION__;
#endif

// What Python calls: medtorch/core/backends/cpu/probe.py expects this number. Whoever changes a binding raises both.
constexpr int interface = 8;

NB_MODULE(_native, module) {
  nb::set_leak_warnings(false);  // the kernels of a process live as long as it does
  module.doc() = "medtorch's native CPU backend";
  module.attr("compiler") = compiler;
  module.attr("interface") = interface;
  module.def("instruction_sets", &instruction_sets,
             "Names of the kernel sets that this machine can run, from the plainest to the widest.");
  module.def("usable_processors", &usable_processors, "Processors that affinity and quotas leave to this process.");
  module.def("thread_count", &thread_count);
  module.def("set_thread_count", &set_thread_count, nb::arg("count"));

  nb::class_<Packed>(module, "Packed");
  KernelSetClass set(module, "KernelSet");
  set.def(nb::init<const std::string&>(), nb::arg("name")).def_prop_ro("name", &KernelSet::name);
  bind_memory(module);
  bind_program(module);
  bind_conv(set);
  bind_interpolate(set);
  bind_norm(set);
  bind_softmax(set);
  bind_reduction(set);
  bind_elementwise(set);
  bind_matmul(set);
  bind_optimizer(set);
  bind_pool(set);
  bind_recurrence(set);
  bind_attention(set);
  bind_copy(set);
}
