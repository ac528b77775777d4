// Products of stacks of matrices: leading dims were stretched to the same sizes by Python (a stretched dim has stride 0).
#include <nanobind/stl/optional.h>

#include <optional>
#include <vector>

#include "../memory.hpp"
#include "../parallel.hpp"
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

std::vector<Index> packed_shape(const Input& b) { return {size(b, b.ndim() - 2), size(b, b.ndim() - 1)}; }

// One right side for many products.
Packed* pack_matmul(const KernelSet& set, const Input& b) {
  require(b.ndim() == 2, "pack_matmul: b needs 2 dims");
  const Index at = 0;
  Matmul m{1, 0, size(b, 0), size(b, 1), nullptr, &at, 0, b.data(), &at, b.stride(0), b.stride(1), true, nullptr};
  if (m.columns == 1) m.b_column = 1;
  if (m.inner == 1) m.b_row = 1;
  require(m.b_row == 1 || m.b_column == 1, "matmul: b needs its rows or its columns without gaps");
  auto* packed = new Packed{set.name(), "matmul", packed_shape(b), Scratch(set->matmul.packed_size(m))};
  const NativeCall call;
  set->matmul.pack(m, packed->data.data());
  return packed;
}

// Accesses: a, b, bias, residual, y.
struct MatmulCall {
  KernelSet set;
  Matmul shape;
  std::vector<Index> a_at, b_at;
  Index a_column;  // the distance of its columns
  Activation activation;
  float alpha;
  MaybePacked packed;

  void operator()(char* const* at) const {
    Matmul m = shape;
    m.a = numbers_at(at[0]);
    m.b = numbers_at(at[1]);
    m.a_at = a_at.data();
    m.b_at = b_at.data();
    m.y = numbers_at(at[4]);
    std::optional<Scratch> turned, own;
    std::vector<Index> turned_at;
    if (a_column != 1) turn(m, turned, turned_at);
    const float* ready = packed ? packed->data.data() : nullptr;
    const int threads = thread_count();
    if (ready == nullptr && !set->matmul.packs_itself(m, threads)) {
      own.emplace(set->matmul.packed_size(m));
      set->matmul.pack(m, own->data());
      ready = own->data();
    }
    const Scratch scratch(set->matmul.scratch_size(m, threads, ready != nullptr));
    set->matmul.run(m, ready, {numbers_at(at[2]), numbers_at(at[3]), activation, alpha}, scratch.data(), threads);
  }

 private:
  // Columns without gaps: every matrix is turned over first.
  void turn(Matmul& m, std::optional<Scratch>& turned, std::vector<Index>& turned_at) const {
    const bool one = a_at.back() == a_at.front() && m.batch > 1;
    turned.emplace((one ? 1 : m.batch) * m.rows * m.inner);
    for (Index i = 0; i < m.batch; ++i) {
      float* to = turned->data() + (one ? 0 : i) * m.rows * m.inner;
      if (i == 0 || !one)
        set->layout.to_channels_last({m.a + a_at[static_cast<std::size_t>(i)], 1, m.inner, {1, 1, m.rows}, 0, a_column, {0, 0, m.a_row}, to, {0, 0, 0}, {1, 1, m.rows}});
      turned_at.push_back(to - turned->data());
    }
    m.a = turned->data();
    m.a_at = turned_at.data();
    m.a_row = m.inner;
  }
};

void matmul(const KernelSet& set, const Input& a, const Input& b, const Output& y, const MaybeInput& bias, const MaybeInput& residual, int activation,
            float alpha, const MaybePacked& packed) {
  const std::size_t n = y.ndim();
  require(n >= 2 && a.ndim() == n && b.ndim() == n && is_contiguous(y), "matmul: a, b and y need the same number of dims, y no gaps");
  for (std::size_t d = 0; d + 2 < n; ++d) require(a.shape(d) == y.shape(d) && b.shape(d) == y.shape(d), "matmul: leading dims must be equal");
  require(a.shape(n - 2) == y.shape(n - 2) && b.shape(n - 1) == y.shape(n - 1) && a.shape(n - 1) == b.shape(n - 2), "matmul: sizes do not fit");
  const std::vector<Index> a_at = starts_of(a);
  const std::vector<Index> b_at = starts_of(b);
  Matmul m{static_cast<Index>(a_at.size()), size(a, n - 2), size(a, n - 1), size(b, n - 1), a.data(), a_at.data(), a.stride(n - 2),
           b.data(), b_at.data(), b.stride(n - 2), b.stride(n - 1), true, y.data()};
  if (m.columns == 1) m.b_column = 1;
  if (m.inner == 1) m.b_row = 1;
  require(m.b_row == 1 || m.b_column == 1, "matmul: b needs its rows or its columns without gaps");
  const Index a_column = m.inner == 1 ? 1 : a.stride(n - 1);
  require(a_column == 1 || m.rows == 1 || m.a_row == 1, "matmul: a needs its rows or its columns without gaps");
  for (const Index at : b_at) m.one_b = m.one_b && at == b_at[0];
  require(!bias || (bias->ndim() == 1 && size(*bias, 0) == m.columns && is_contiguous(*bias)), "matmul: bias does not fit");
  require(!residual || (same_shape(*residual, y) && is_contiguous(*residual)), "matmul: residual must have the shape of y, without gaps");
  require(activation >= 0 && activation < static_cast<int>(Activation::count), "matmul: no such activation");
  require(packed_data(packed, set, "matmul", packed_shape(b)) == nullptr || m.one_b, "matmul: packed weights are those of one right side");
  if (m.batch == 0) return;
  const MatmulCall call{set, m, a_at, b_at, a_column, static_cast<Activation>(activation), alpha, packed};
  launch({reads(a), packed ? nothing() : reads(b), reads(bias), reads(residual), writes(y)}, true, call);
}

}  // namespace

void bind_matmul(KernelSetClass& set) {
  set.def("matmul", &matmul, nb::arg("a"), nb::arg("b"), nb::arg("y"), nb::arg("bias").none() = nb::none(), nb::arg("residual").none() = nb::none(),
          nb::arg("activation") = 0, nb::arg("alpha") = 0.0f, nb::arg("packed").none() = nb::none());
  set.def("pack_matmul", &pack_matmul, nb::arg("b"), nb::rv_policy::take_ownership);
}

}  // namespace medtorch
