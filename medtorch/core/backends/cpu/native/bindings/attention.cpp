// Attention over stacks of queries, keys and values: products, softmax and products again, a block of queries at a time, so that
// scores stay in the cache. Each step is that of the kernel of its own, so the bits are theirs.
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "../launch.hpp"
#include "../memory.hpp"
#include "../parallel.hpp"
#include "bindings.hpp"

namespace medtorch {
namespace {

constexpr Index block_of_scores = Index{1} << 16;  // numbers that one block of queries has, about

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

// Accesses: query, key, value, mask, y.
struct AttentionCall {
  KernelSet set;
  Stack query, key, value;
  std::optional<Stack> mask;
  bool chooses;  // the mask says 1 where a query may look, else it is added
  bool causal;
  float scale;

  void operator()(char* const* at) const {
    const Index count = static_cast<Index>(query.at.size()), inner = query.columns, keys = key.rows;
    const Index zero = 0;
    Matmul scores{1, 0, inner, keys, nullptr, &zero, inner, nullptr, &zero, 1, key.row, true, nullptr};
    Matmul sums{1, 0, keys, value.columns, nullptr, &zero, keys, nullptr, &zero, value.row, 1, true, nullptr};
    if (inner == 1) scores.b_row = 1;
    if (keys == 1) scores.b_column = 1;
    const Index key_size = set->matmul.packed_size(scores), value_size = set->matmul.packed_size(sums);
    const Scratch packed(count * (key_size + value_size));
    float* const packed_values = packed.data() + count * key_size;
    parallel(count, 1, [&](Index begin, Index end) {
      const FloatEnvironment environment;
      for (Index i = begin; i < end; ++i) {
        Matmul k = scores, v = sums;
        k.b = numbers_at(at[1]) + key.at[static_cast<std::size_t>(i)];
        v.b = numbers_at(at[2]) + value.at[static_cast<std::size_t>(i)];
        set->matmul.pack(k, packed.data() + i * key_size);
        set->matmul.pack(v, packed_values + i * value_size);
      }
    });
    const Index block = std::clamp<Index>(block_of_scores / std::max<Index>(1, keys), 16, std::max<Index>(16, query.rows));
    const Index blocks = (query.rows + block - 1) / block;
    parallel(count * blocks, 1, [&](Index begin, Index end) {
      const FloatEnvironment environment;
      const Scratch own(block * (inner + keys));
      for (Index job = begin; job < end; ++job) {
        const Index i = job / blocks, first = job % blocks * block, rows = std::min(block, query.rows - first);
        Matmul m = scores;
        scaled(numbers_at(at[0]) + query.at[static_cast<std::size_t>(i)] + first * query.row, rows, own.data());
        m.rows = rows;
        m.a = own.data();
        m.y = own.data() + block * inner;
        product(m, packed.data() + i * key_size);
        for (Index r = 0; r < rows; ++r)
          shares(m.y + r * keys, first + r, mask ? numbers_at(at[3]) + mask->at[static_cast<std::size_t>(i)] + (first + r) * mask->row : nullptr);
        Matmul s = sums;
        s.rows = rows;
        s.a = m.y;
        s.y = numbers_at(at[4]) + (i * query.rows + first) * value.columns;
        product(s, packed_values + i * value_size);
      }
    });
  }

 private:
  void product(const Matmul& m, const float* packed) const {  // on this thread, unless there is one job alone
    const int threads = thread_count();
    const Scratch scratch(set->matmul.scratch_size(m, threads, true));
    set->matmul.run(m, packed, {nullptr, nullptr, Activation::none, 0.0f}, scratch.data(), threads);
  }

  struct Line {  // one number that stands for all
    alignas(64) float data[widest];
    explicit Line(float value) noexcept { std::fill(data, data + widest, value); }
  };

  void scaled(const float* from, Index rows, float* to) const noexcept {
    const Line line(scale);
    const bool still[] = {false, true};
    const float none[3] = {};
    for (Index r = 0; r < rows; ++r) {
      const float* const in[] = {from + r * query.row, line.data};
      set->elementwise.maps[static_cast<int>(Map::mul)](in, still, to + r * query.columns, query.columns, none);
    }
  }

  // One row of scores to shares of 1; zeros where the query may look at nothing.
  void shares(float* row, Index place, const float* seen) const noexcept {
    constexpr float never = -std::numeric_limits<float>::infinity();
    const Index keys = key.rows;
    const float none[3] = {};
    if (causal && place + 1 < keys) std::fill(row + place + 1, row + keys, never);
    if (seen != nullptr && chooses) {
      const Line line(never);
      const float* const in[] = {seen, row, line.data};
      const bool still[] = {false, false, true};
      set->elementwise.maps[static_cast<int>(Map::where)](in, still, row, keys, none);
    } else if (seen != nullptr) {
      const float* const in[] = {row, seen};
      const bool still[] = {false, false};
      set->elementwise.maps[static_cast<int>(Map::add)](in, still, row, keys, none);
    }
    if ((causal || seen != nullptr) && std::all_of(row, row + keys, [](float s) { return s == never; }))
      std::fill(row, row + keys, 0.0f);
    else
      set->softmax.softmax(row, row, keys);
  }
};

// y = softmax(query scale key^T + mask) value; y (stack..., queries, columns) without gaps. All have one stack of leading dims. False
// where numbers along the last dim are no neighbours: nothing is done then.
bool attention(const KernelSet& set, const Input& query, const Input& key, const Input& value, const MaybeInput& mask, bool chooses, bool causal, float scale,
               const Output& y) {
  const std::size_t n = y.ndim();
  require(n >= 2 && query.ndim() == n && key.ndim() == n && value.ndim() == n && is_contiguous(y), "attention: arrays need the same number of dims, y no gaps");
  for (std::size_t d = 0; d + 2 < n; ++d)
    require(query.shape(d) == y.shape(d) && key.shape(d) == y.shape(d) && value.shape(d) == y.shape(d) && (!mask || mask->shape(d) == y.shape(d)),
            "attention: leading dims must be equal");
  require(query.shape(n - 1) == key.shape(n - 1) && key.shape(n - 2) == value.shape(n - 2) && query.shape(n - 2) == y.shape(n - 2) && value.shape(n - 1) == y.shape(n - 1),
          "attention: sizes do not fit");
  require(!mask || (mask->ndim() == n && mask->shape(n - 2) == query.shape(n - 2) && mask->shape(n - 1) == key.shape(n - 2)), "attention: the mask does not fit");
  if (!has_neighbours(query) || !has_neighbours(key) || !has_neighbours(value) || (mask && !has_neighbours(*mask))) return false;
  require(size(y, n - 1) > 0 && size(query, n - 1) > 0 && size(key, n - 2) > 0, "attention: nothing to do");
  const AttentionCall call{set, stack_of(query), stack_of(key), stack_of(value), mask ? std::optional<Stack>(stack_of(*mask)) : std::nullopt, chooses, causal, scale};
  launch({reads(query), reads(key), reads(value), reads(mask), writes(y)}, true, call);
  return true;
}

}  // namespace

void bind_attention(KernelSetClass& set) {
  set.def("attention", &attention, nb::arg("query"), nb::arg("key"), nb::arg("value"), nb::arg("mask").none(), nb::arg("chooses"), nb::arg("causal"), nb::arg("scale"), nb::arg("y"));
}

}  // namespace medtorch
