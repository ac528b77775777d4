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
  const float* from = x_.floats();
  float *to = reinterpret_cast<float*>(y.data), *means = reinterpret_cast<float*>(mean.data), *vars = reinterpret_cast<float*>(var.data);
  each_row(rows, [&](Index row) {
    const Index at = row * rows.length;
    set->norm.standardize(from + at, to + at, rows.length, static_cast<float>(eps), means + row, vars + row);
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
  const float *from = x_.floats(), *grads = grad_.floats();
  float* to = reinterpret_cast<float*>(y.data);
  each_row(rows, [&](Index row) {
    const Index at = row * rows.length;
    set->norm.standardize_input_grad(grads + at, from + at, to + at, rows.length, static_cast<float>(eps));
  });
  return y.array;
}

}  // namespace

void bind_norm(KernelSetClass& set) {
  set.def("standardize", &standardize, nb::arg("x"), nb::arg("dims"), nb::arg("eps"));
  set.def("standardize_input_grad", &standardize_input_grad, nb::arg("grad"), nb::arg("x"), nb::arg("dims"), nb::arg("eps"));
}

}  // namespace medtorch
