// What the attention family offers: y = softmax(query scale key^T + mask) value for each matrix of a stack.
#pragma once

#include "family.hpp"

namespace medtorch {

// A stack of matrices whose columns lie without gaps.
template <typename Number>
struct Matrices {
  Number* data;
  const Index* at;  // where each begins
  Index row;        // floats from one row to the next
};

struct Attention {
  Index count, queries, keys, inner, columns;
  Matrices<const float> query, key, value, mask;  // the mask's data may be null
  bool chooses;                                   // the mask says 1 where a query may look, else it is added
  bool causal;
  float scale;
  Matrices<float> y;
};

struct AttentionTable {
  Index (*scratch_size)(const Attention&, int threads) noexcept;  // floats
  void (*run)(const Attention&, float* scratch, int threads) noexcept;
};

}  // namespace medtorch
