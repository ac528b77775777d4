// Arrays whose last dim lies side by side, row after row.
#pragma once

#include "../float_environment.hpp"
#include "../parallel.hpp"
#include "arrays.hpp"
#include "buffers.hpp"

namespace medtorch {

struct Rows {
  Index count = 1, length = 1;  // a row takes the last `dims` dims

  Rows(const Buffer& x, int dims) {
    require(0 < dims && dims <= x.ndim(), "rows: no such dims");
    for (int d = 0; d < x.ndim(); ++d) (d < x.ndim() - dims ? count : length) *= x.size(d);
  }
};

inline bool in_rows(const Buffer& x) {
  if (!x.is_float()) return false;
  Index expected = 1;
  for (int d = x.ndim() - 1; d >= 0; --d) {
    if (x.size(d) != 1 && x.step(d) != expected) return false;
    expected *= x.size(d);
  }
  return true;
}

inline NewArray new_like(const Buffer& x, int last_dims_of_1) {
  Index shape[most_dims];
  int order[most_dims];
  for (int d = 0; d < x.ndim(); ++d) {
    shape[d] = d < x.ndim() - last_dims_of_1 ? x.size(d) : 1;
    order[d] = d;
  }
  return new_array(x.ndim(), shape, order, false);
}

// f(row) for each row, shared among threads.
template <typename F>
void each_row(const Rows& rows, const F& f) noexcept {
  constexpr Index share = Index{1} << 13;
  parallel(rows.count, rows.length < share ? share / (rows.length < 1 ? 1 : rows.length) : 1, [&](Index begin, Index end) {
    const FloatEnvironment environment;
    for (Index row = begin; row < end; ++row) f(row);
  });
}

}  // namespace medtorch
