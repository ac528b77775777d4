// Softmax along the last dim; None where x is not float32 in rows.
#include "../families/reduction.hpp"
#include "bindings.hpp"
#include "rows.hpp"

namespace medtorch {
namespace {

constexpr Index enough_to_release = Index{1} << 13;

nb::object softmax(const KernelSet& set, nb::handle x, bool logarithm) {
  const Buffer x_(x);
  if (!in_rows(x_) || x_.ndim() == 0) return nb::none();
  NewArray y = new_like(x_, 0);
  const Rows rows(x_, 1);
  if (rows.length == 0) return y.array;
  if (rows.length <= virtual_lanes) {
    const auto kernel = logarithm ? set->softmax.log_short_rows : set->softmax.short_rows;
    launch({reads(x_), writes(y)}, rows.count * rows.length > enough_to_release, [rows, kernel](char* const* at) {
      parallel(rows.count, 1024, [&](Index begin, Index end) {
        const FloatEnvironment environment;
        kernel(numbers_at(at[0]) + begin * rows.length, numbers_at(at[1]) + begin * rows.length, end - begin, rows.length);
      });
    });
    return y.array;
  }
  const auto kernel = logarithm ? set->softmax.log_softmax : set->softmax.softmax;
  launch({reads(x_), writes(y)}, true, [rows, kernel](char* const* at) {
    const float* from = numbers_at(at[0]);
    float* to = numbers_at(at[1]);
    each_row(rows, [&](Index row) { kernel(from + row * rows.length, to + row * rows.length, rows.length); });
  });
  return y.array;
}

}  // namespace

void bind_softmax(KernelSetClass& set) { set.def("softmax", &softmax, nb::arg("x"), nb::arg("logarithm")); }

}  // namespace medtorch
