// The families of one kernel set; each is defined in the file of its name.
//
// Files in this folder are compiled for instructions that the machine may lack, and the linker keeps one copy of an inline
// function of which there are several: so nothing here may use inline functions from outside of this set's namespace. No
// <vector>, no <algorithm>; use the names below.
#pragma once

#include "../table.hpp"

namespace medtorch::MEDTORCH_ISA {

AttentionTable attention_table() noexcept;
ConvTable conv_table() noexcept;
ConvTable depthwise_table() noexcept;
ConvTable grouped_table() noexcept;
ConvTable few_outputs_table() noexcept;
ConvTable winograd2_table() noexcept;
ConvTable winograd4_table() noexcept;
ConvWeightGradTable conv_weight_grad_table() noexcept;
ConvWeightGradTable depthwise_weight_grad_table() noexcept;
ConvWeightGradTable winograd_weight_grad_table() noexcept;
LayoutTable layout_table() noexcept;
InterpolateTable interpolate_table() noexcept;
NormTable norm_table() noexcept;
SoftmaxTable softmax_table() noexcept;
ReductionTable reduction_table() noexcept;
ElementwiseTable elementwise_table() noexcept;
MatmulTable matmul_table() noexcept;
OptimizerTable optimizer_table() noexcept;
PoolTable pool_table() noexcept;
RecurrenceTable recurrence_table() noexcept;

template <typename T> constexpr T least(T a, T b) noexcept { return b < a ? b : a; }
template <typename T> constexpr T most(T a, T b) noexcept { return a < b ? b : a; }
constexpr Index divide_up(Index a, Index b) noexcept { return (a + b - 1) / b; }
constexpr Index round_up(Index a, Index b) noexcept { return divide_up(a, b) * b; }

}  // namespace medtorch::MEDTORCH_ISA
