// What the family of matrix products offers.
#pragma once

#include "family.hpp"

namespace medtorch {

// y[i] = a[i] b[i] for i < batch: (rows, inner) times (inner, columns). Distances in floats.
struct Matmul {
  Index batch, rows, inner, columns;
  const float* a;
  const Index* a_at;  // where a[i] begins; its rows lie at one distance, each without gaps
  Index a_row;
  const float* b;
  const Index* b_at;
  Index b_row, b_column;  // one of them is 1
  bool one_b;             // all b[i] are the same
  float* y;               // without gaps
};

struct MatmulTable {
  Index (*packed_size)(const Matmul&) noexcept;
  void (*run)(const Matmul&, float* packed) noexcept;
};

}  // namespace medtorch
