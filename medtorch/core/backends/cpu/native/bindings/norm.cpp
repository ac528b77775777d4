// Standardization over the last dims; None where an array is not float32 in rows.
#include "bindings.hpp"
#include "rows.hpp"

namespace medtorch {
namespace {

nb::object standardize(const KernelSet& set, nb::handle x, int dims, double eps) {
  const Buffer x_(x);
  if (!in_rows(x_)) return nb::none();
  const Rows rows(x_, dims);
  NewArray y = new_like(x_, 0), mean = new_like(x_, dims), var = new_like(x_, dims);
  launch({reads(x_), writes(y), writes(mean), writes(var)}, true, [rows, eps, kernel = set->norm.standardize](char* const* at) {
    const float* from = numbers_at(at[0]);
    float *to = numbers_at(at[1]), *means = numbers_at(at[2]), *vars = numbers_at(at[3]);
    each_row(rows, [&](Index row) {
      const Index first = row * rows.length;
      kernel(from + first, to + first, rows.length, static_cast<float>(eps), means + row, vars + row);
    });
  });
  return nb::make_tuple(y.array, mean.array, var.array);
}

nb::object standardize_input_grad(const KernelSet& set, nb::handle grad, nb::handle x, int dims, double eps) {
  const Buffer grad_(grad), x_(x);
  if (!in_rows(grad_) || !in_rows(x_)) return nb::none();
  require(grad_.ndim() == x_.ndim(), "standardize_input_grad: grad and x differ in shape");
  for (int d = 0; d < x_.ndim(); ++d) require(grad_.size(d) == x_.size(d), "standardize_input_grad: grad and x differ in shape");
  const Rows rows(x_, dims);
  NewArray y = new_like(x_, 0);
  launch({reads(grad_), reads(x_), writes(y)}, true, [rows, eps, kernel = set->norm.standardize_input_grad](char* const* at) {
    const float *grads = numbers_at(at[0]), *from = numbers_at(at[1]);
    float* to = numbers_at(at[2]);
    each_row(rows, [&](Index row) {
      const Index first = row * rows.length;
      kernel(grads + first, from + first, to + first, rows.length, static_cast<float>(eps));
    });
  });
  return y.array;
}

}  // namespace

void bind_norm(KernelSetClass& set) {
  set.def("standardize", &standardize, nb::arg("x"), nb::arg("dims"), nb::arg("eps"));
  set.def("standardize_input_grad", &standardize_input_grad, nb::arg("grad"), nb::arg("x"), nb::arg("dims"), nb::arg("eps"));
}

}  // namespace medtorch
