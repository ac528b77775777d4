// One kernel set: a table of functions for each family. A new family adds its header, a line here and a line in kernels/table.cpp.
#pragma once

#include "families/attention.hpp"
#include "families/conv.hpp"
#include "families/elementwise.hpp"
#include "families/reduction.hpp"
#include "families/softmax.hpp"
#include "families/norm.hpp"
#include "families/interpolate.hpp"
#include "families/layout.hpp"
#include "families/matmul.hpp"
#include "families/optimizer.hpp"
#include "families/pool.hpp"
#include "families/recurrence.hpp"

namespace medtorch {

struct Table {
  int lanes;
  AttentionTable attention;
  ConvTable conv, depthwise, grouped, few_outputs, winograd2, winograd4;
  ConvWeightGradTable conv_weight_grad, depthwise_weight_grad, winograd_weight_grad;
  LayoutTable layout;
  InterpolateTable interpolate;
  NormTable norm;
  SoftmaxTable softmax;
  ReductionTable reduction;
  ElementwiseTable elementwise;
  MatmulTable matmul;
  OptimizerTable optimizer;
  PoolTable pool;
  RecurrenceTable recurrence;
};

const Table& table_scalar() noexcept;
const Table& table_avx2() noexcept;
const Table& table_avx512() noexcept;
const Table& table_neon() noexcept;

}  // namespace medtorch
