// Products of stacks of matrices: leading dims were stretched to the same sizes by Python (a stretched dim has stride 0).
#include <optional>
#include <vector>

#include "../memory.hpp"
#include "bindings.hpp"

namespace medtorch {
namespace {

// Where each matrix of a stack begins, in the order of y.
std::vector<Index> starts_of(const Input& x) {
  const std::size_t lead = x.ndim() - 2;
  Index count = 1;
  for (std::size_t d = 0; d < lead; ++d) count *= size(x, d);
  std::vector<Index> starts(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) {
    Index left = i, at = 0;
    for (std::size_t d = lead; d-- > 0; left /= size(x, d)) at += left % size(x, d) * x.stride(d);
    starts[static_cast<std::size_t>(i)] = at;
  }
  return starts;
}

void matmul(const KernelSet& set, const Input& a, const Input& b, const Output& y) {
  const std::size_t n = y.ndim();
  require(n >= 2 && a.ndim() == n && b.ndim() == n && is_contiguous(y), "matmul: a, b and y need the same number of dims, y no gaps");
  for (std::size_t d = 0; d + 2 < n; ++d) require(a.shape(d) == y.shape(d) && b.shape(d) == y.shape(d), "matmul: leading dims must be equal");
  require(a.shape(n - 2) == y.shape(n - 2) && b.shape(n - 1) == y.shape(n - 1) && a.shape(n - 1) == b.shape(n - 2), "matmul: sizes do not fit");
  std::vector<Index> a_at = starts_of(a);
  const std::vector<Index> b_at = starts_of(b);
  Matmul m{static_cast<Index>(a_at.size()), size(a, n - 2), size(a, n - 1), size(b, n - 1), a.data(), a_at.data(), a.stride(n - 2),
           b.data(), b_at.data(), b.stride(n - 2), b.stride(n - 1), true, y.data()};
  if (m.columns == 1) m.b_column = 1;
  if (m.inner == 1) m.b_row = 1;
  require(m.b_row == 1 || m.b_column == 1, "matmul: b needs its rows or its columns without gaps");
  const Index a_column = m.inner == 1 ? 1 : a.stride(n - 1);
  require(a_column == 1 || m.rows == 1 || m.a_row == 1, "matmul: a needs its rows or its columns without gaps");
  for (const Index at : b_at) m.one_b = m.one_b && at == b_at[0];
  if (m.batch == 0) return;
  const NativeCall call;
  std::optional<Scratch> turned;
  if (a_column != 1) {  // columns without gaps: every matrix is turned over first
    const bool one = a_at.back() == a_at.front() && m.batch > 1;
    turned.emplace((one ? 1 : m.batch) * m.rows * m.inner);
    for (Index i = 0; i < m.batch; ++i) {
      float* to = turned->data() + (one ? 0 : i) * m.rows * m.inner;
      if (i == 0 || !one)
        set->layout.to_channels_last({m.a + a_at[static_cast<std::size_t>(i)], 1, m.inner, {1, 1, m.rows}, 0, a_column, {0, 0, m.a_row}, to, {0, 0, 0}, {1, 1, m.rows}});
      a_at[static_cast<std::size_t>(i)] = to - turned->data();
    }
    m.a = turned->data();
    m.a_row = m.inner;
  }
  const Scratch packed(set->matmul.packed_size(m));
  set->matmul.run(m, packed.data());
}

}  // namespace

void bind_matmul(KernelSetClass& set) { set.def("matmul", &matmul, nb::arg("a"), nb::arg("b"), nb::arg("y")); }

}  // namespace medtorch
