// What the reduction family offers: many numbers folded into one, in an order that the logical shape alone decides.
#pragma once

#include "family.hpp"

namespace medtorch {

// A run of terms is cut into blocks of this many; within a block term i goes to lane i mod 16, and each lane adds up in order, in
// float32. The lanes are joined 8 and 8, 4 and 4, 2 and 2, 1 and 1, and the blocks in order, both in float64; the result is rounded
// once. See docs/decisions/reductions.md.
constexpr Index block_length = 512;
constexpr int virtual_lanes = 16;
constexpr int most_outputs = 256;  // that one call of `across` makes

enum class Fold : int {
  sum,
  sum_abs,
  sum_squares,
  sum_square_gaps,   // (x - mean)^2
  sum_standardized,  // ((x - mean) scale) g
  sum_exp_gaps,      // e^(x - mean)
  product,
  max,
  min,
  max_abs,
  min_abs,
  count,
};

constexpr const char* fold_names[] = {"sum",     "sum_abs", "sum_squares", "sum_square_gaps", "sum_standardized", "sum_exp_gaps",
                                      "product", "max",     "min",         "max_abs",         "min_abs"};
static_assert(sizeof fold_names / sizeof fold_names[0] == static_cast<int>(Fold::count), "one name an entry of Fold");

// One block of a run: `n` terms. `g` is read as x is; `mean` and `scale` belong to the output. Each may be null where the fold
// does not read it.
struct Block {
  const float* x;
  const float* g;
  Index n, x_step, g_step;  // in floats, from term to term
  const float* mean;        // one an output
  const float* scale;
};

struct FoldKernels {
  double (*along)(const Block&) noexcept;                         // x_step and g_step are 1; one output
  void (*across)(const Block&, int outputs, double* y) noexcept;  // side by side in x and g
  double (*join)(double, double) noexcept;
  double start;
};

struct ReductionTable {
  const FoldKernels* folds;  // as Fold counts them
  // The place of the greatest or least of n numbers, the first of equals; the first NaN if there is one.
  std::int32_t (*place_along)(const float* x, Index n, bool greatest) noexcept;
  void (*place_across)(const float* x, Index n, Index step, int outputs, bool greatest, std::int32_t* y) noexcept;
};

}  // namespace medtorch
