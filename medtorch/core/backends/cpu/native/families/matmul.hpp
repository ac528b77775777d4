// What the family of matrix products offers.
#pragma once

#include "conv.hpp"

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
  void (*pack)(const Matmul&, float* packed) noexcept;
  // Whether `run` would rather pack the right sides itself: each is needed once.
  bool (*packs_itself)(const Matmul&, int threads) noexcept;
  Index (*scratch_size)(const Matmul&, int threads, bool packed) noexcept;  // floats
  // `packed` may be null where `packs_itself`. The bias (of columns) is added to the finished sums, then the residual (laid out as y);
  // then the activation.
  void (*run)(const Matmul&, const float* packed, const Epilogue&, float* scratch, int threads) noexcept;
};

}  // namespace medtorch
