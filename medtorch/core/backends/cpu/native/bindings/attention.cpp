// Attention over stacks of queries, keys and values.
#include <nanobind/stl/optional.h>

#include <optional>
#include <vector>

#include "../launch.hpp"
#include "../memory.hpp"
#include "../parallel.hpp"
#include "bindings.hpp"

namespace medtorch {
namespace {

// (stack..., rows, columns) with neighbours along columns.
struct Stack {
  Index rows, columns, row;  // row: floats from one to the next
  std::vector<Index> at;     // where each matrix begins
};

template <typename Array>
Stack stack_of(const Array& x) {
  const std::size_t n = x.ndim();
  Stack s{size(x, n - 2), size(x, n - 1), x.stride(n - 2), {}};
  Index count = 1;
  for (std::size_t d = 0; d + 2 < n; ++d) count *= size(x, d);
  s.at.resize(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) {
    Index left = i, at = 0;
    for (std::size_t d = n - 2; d-- > 0; left /= size(x, d)) at += left % size(x, d) * x.stride(d);
    s.at[static_cast<std::size_t>(i)] = at;
  }
  return s;
}

template <typename Array>
bool has_neighbours(const Array& x) {
  return size(x, x.ndim() - 1) == 1 || x.stride(x.ndim() - 1) == 1;
}

template <typename Number>
Matrices<Number> matrices(Number* data, const Stack& s) {
  return {data, s.at.data(), s.row};
}

// Accesses: query, key, value, mask, y.
struct AttentionCall {
  KernelSet set;
  Stack query, key, value;
  std::optional<Stack> mask;
  bool chooses;  // the mask says 1 where a query may look, else it is added
  bool causal;
  float scale;
  Stack y;

  void operator()(char* const* at) const {
    const Matrices<const float> seen = mask ? matrices(numbers_at(static_cast<const char*>(at[3])), *mask) : Matrices<const float>{};
    const Attention a{static_cast<Index>(query.at.size()), query.rows, key.rows, query.columns, value.columns,
                      matrices(numbers_at(static_cast<const char*>(at[0])), query), matrices(numbers_at(static_cast<const char*>(at[1])), key),
                      matrices(numbers_at(static_cast<const char*>(at[2])), value), seen, chooses, causal, scale, matrices(numbers_at(at[4]), y)};
    const int threads = thread_count();
    const Scratch scratch(set->attention.scratch_size(a, threads));
    set->attention.run(a, scratch.data(), threads);
  }
};

// y = softmax(query scale key^T + mask) value; y (stack..., queries, columns). All have one stack of leading dims. False
// where numbers along the last dim are no neighbours: nothing is done then.
bool attention(const KernelSet& set, const Input& query, const Input& key, const Input& value, const MaybeInput& mask, bool chooses, bool causal, float scale,
               const Output& y) {
  const std::size_t n = y.ndim();
  require(n >= 2 && query.ndim() == n && key.ndim() == n && value.ndim() == n && has_neighbours(y), "attention: arrays need the same number of dims, y rows without gaps");
  for (std::size_t d = 0; d + 2 < n; ++d)
    require(query.shape(d) == y.shape(d) && key.shape(d) == y.shape(d) && value.shape(d) == y.shape(d) && (!mask || mask->shape(d) == y.shape(d)),
            "attention: leading dims must be equal");
  require(query.shape(n - 1) == key.shape(n - 1) && key.shape(n - 2) == value.shape(n - 2) && query.shape(n - 2) == y.shape(n - 2) && value.shape(n - 1) == y.shape(n - 1),
          "attention: sizes do not fit");
  require(!mask || (mask->ndim() == n && mask->shape(n - 2) == query.shape(n - 2) && mask->shape(n - 1) == key.shape(n - 2)), "attention: the mask does not fit");
  if (!has_neighbours(query) || !has_neighbours(key) || !has_neighbours(value) || (mask && !has_neighbours(*mask))) return false;
  require(size(y, n - 1) > 0 && size(query, n - 1) > 0 && size(key, n - 2) > 0, "attention: nothing to do");
  const AttentionCall call{set, stack_of(query), stack_of(key), stack_of(value), mask ? std::optional<Stack>(stack_of(*mask)) : std::nullopt, chooses, causal, scale, stack_of(y)};
  launch({reads(query), reads(key), reads(value), reads(mask), writes(y)}, true, call);
  return true;
}

}  // namespace

void bind_attention(KernelSetClass& set) {
  set.def("attention", &attention, nb::arg("query"), nb::arg("key"), nb::arg("value"), nb::arg("mask").none(), nb::arg("chooses"), nb::arg("causal"), nb::arg("scale"), nb::arg("y"));
}

}  // namespace medtorch
