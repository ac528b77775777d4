// Recorders and programs for Python: which job touches which memory, as whole numbers.
#include "../program.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <utility>
#include <vector>

#include "bindings.hpp"

namespace medtorch {
namespace {

// (at, first, end, whether it is written) of each access of job `nr`.
nb::list touched(const Recorder& recorder, Index nr) {
  require(0 <= nr && nr < static_cast<Index>(recorder.jobs().size()), "recorder: no such job");
  nb::list found;
  for (const Access& a : recorder.jobs()[static_cast<std::size_t>(nr)].touched)
    found.append(nb::make_tuple(reinterpret_cast<std::uintptr_t>(a.at), reinterpret_cast<std::uintptr_t>(a.first), reinterpret_cast<std::uintptr_t>(a.end), a.writes));
  return found;
}

// Addresses that stand for memory; nothing must be written there.
nb::ndarray<nb::numpy, std::uint8_t> addresses(Recorder& recorder, Index bytes) {
  require(bytes >= 0, "addresses: negative size");
  char* const found = recorder.addresses(static_cast<std::size_t>(bytes));
  nb::capsule owner(new std::shared_ptr<Region>(recorder.regions().back()), [](void* p) noexcept { delete static_cast<std::shared_ptr<Region>*>(p); });
  const std::size_t shape[1] = {static_cast<std::size_t>(bytes)};
  return nb::ndarray<nb::numpy, std::uint8_t>(found, 1, shape, owner);
}

// (start, bytes) of what was handed out, in order.
nb::list regions(const Recorder& recorder) {
  nb::list found;
  for (const auto& region : recorder.regions()) found.append(nb::make_tuple(reinterpret_cast<std::uintptr_t>(region->data()), region->bytes()));
  return found;
}

Program* make(const Recorder& recorder, const std::vector<std::pair<Index, Index>>& places, const std::vector<Index>& sizes) {
  std::vector<Place> found;
  for (const auto& [piece, offset] : places) found.push_back({piece, offset});
  return new Program(recorder.jobs(), found, sizes);
}

void run(const Program& program, Index first, Index last, const std::vector<std::uintptr_t>& starts) {
  require(starts.size() == program.pieces() && starts[0] == 0, "program: one start for each piece of memory is needed, the first 0");
  std::vector<char*> at;
  for (const std::uintptr_t start : starts) at.push_back(reinterpret_cast<char*>(start));
  const nb::gil_scoped_release released;
  program.run(first, last, at.data());
}

}  // namespace

void bind_program(nb::module_& module) {
  nb::class_<Recorder>(module, "Recorder")
      .def(nb::init<bool>(), nb::arg("executes"))
      .def("start", &Recorder::start)
      .def("stop", &Recorder::stop)
      .def("__len__", [](const Recorder& r) { return r.jobs().size(); })
      .def("touched", &touched, nb::arg("nr"))
      .def("drop", &Recorder::drop, nb::arg("first"))
      .def("addresses", &addresses, nb::arg("bytes"), nb::rv_policy::reference)
      .def("regions", &regions);
  nb::class_<Program>(module, "Program")
      .def("__len__", &Program::count)
      .def("run", &run, nb::arg("first"), nb::arg("last"), nb::arg("starts"));
  module.def("program", &make, nb::arg("recorder"), nb::arg("places"), nb::arg("sizes"), nb::rv_policy::take_ownership);
}

}  // namespace medtorch
