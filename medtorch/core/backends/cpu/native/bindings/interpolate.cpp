// Weighted sums along one dim of an array without gaps; the result lies in memory in the same order.
#include <algorithm>

#include "../float_environment.hpp"
#include "../parallel.hpp"
#include "bindings.hpp"
#include "buffers.hpp"

namespace medtorch {
namespace {

using Indices = nb::ndarray<const std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Weights = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

bool lies_in(const Buffer& x, const int* order) {
  Index expected = 1;
  for (int k = x.ndim() - 1; k >= 0; --k) {
    if (x.size(order[k]) != 1 && x.step(order[k]) != expected) return false;
    expected *= x.size(order[k]);
  }
  return true;
}

// Dims from the outermost in memory; false where there are gaps or overlaps. Where dims of size 1 leave a choice, channels come last.
bool order_of(const Buffer& x, int* order) {
  const int n = x.ndim();
  for (int k = 0; k < n; ++k) order[k] = k == 0 ? 0 : k + 1 < n ? k + 1 : 1;
  if (n > 2 && lies_in(x, order)) return true;
  for (int d = 0; d < n; ++d) order[d] = d;
  if (lies_in(x, order)) return true;
  const auto extent = [&x](int d) { return x.size(d) == 1 ? INT64_MAX : x.step(d); };
  std::stable_sort(order, order + n, [&](int a, int b) { return extent(a) > extent(b); });
  return lies_in(x, order);
}

// Accesses: x (outer, n, inner), y (outer, count, inner).
struct WeightedSum {
  InterpolateTable kernels;
  TapTable table;
  Indices index;  // kept alive, as the weights
  Weights weight;
  Index outer, n, inner;

  void operator()(char* const* at) const {
    constexpr Index share = Index{1} << 13;
    const float* from = numbers_at(at[0]);
    float* to = numbers_at(at[1]);
    if (inner == 1) {
      parallel(outer, std::max<Index>(1, share / table.count), [&](Index begin, Index end) {
        const FloatEnvironment environment;
        for (Index row = begin; row < end; ++row) kernels.row(table, from + row * n, to + row * table.count);
      });
    } else {
      parallel(outer * table.count, std::max<Index>(1, share / inner), [&](Index begin, Index end) {
        const FloatEnvironment environment;
        for (Index k = begin; k < end; ++k) kernels.place(table, k % table.count, from + k / table.count * n * inner, inner, to + k * inner);
      });
    }
  }
};

// None where x is not float32 or has gaps.
nb::object weighted_sum(const KernelSet& set, nb::handle x, int axis, const Indices& index, const Weights& weight) {
  const Buffer x_(x);
  require(index.shape(0) == weight.shape(0) && index.shape(1) == weight.shape(1), "weighted_sum: index and weight differ in shape");
  int order[most_dims];
  if (!x_.is_float() || !order_of(x_, order)) return nb::none();
  require(0 <= axis && axis < x_.ndim(), "weighted_sum: no such dim");
  const TapTable table{index.data(), weight.data(), static_cast<Index>(index.shape(0)), static_cast<Index>(index.shape(1))};
  Index shape[most_dims], outer = 1, inner = 1;
  bool inside = false;
  for (int k = 0; k < x_.ndim(); ++k) {
    shape[order[k]] = order[k] == axis ? table.count : x_.size(order[k]);
    if (order[k] == axis) inside = true;
    else (inside ? inner : outer) *= x_.size(order[k]);
  }
  const Index n = x_.size(axis);
  for (Index i = 0; i < table.count * table.taps; ++i)
    require(table.weight[i] == 0.0f || (0 <= table.index[i] && table.index[i] < n), "weighted_sum: an index is out of range");
  NewArray y = new_array(x_.ndim(), shape, order, false);
  if (outer * inner * table.count == 0) return y.array;
  launch({reads(x_), writes(y)}, true, WeightedSum{set->interpolate, table, index, weight, outer, n, inner});
  return y.array;
}

}  // namespace

void bind_interpolate(KernelSetClass& set) {
  set.def("weighted_sum", &weighted_sum, nb::arg("x"), nb::arg("axis"), nb::arg("index"), nb::arg("weight"));
}

}  // namespace medtorch
