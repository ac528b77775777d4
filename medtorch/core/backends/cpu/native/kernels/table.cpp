// This set's kernels as a table.
#include "../simd.hpp"
#include "kernels.hpp"

#define MEDTORCH_JOIN_(a, b) a##b
#define MEDTORCH_JOIN(a, b) MEDTORCH_JOIN_(a, b)

namespace medtorch {

const Table& MEDTORCH_JOIN(table_, MEDTORCH_ISA)() noexcept {
  namespace isa = MEDTORCH_ISA;
  static const Table table = [] {
    Table t{};
    t.lanes = isa::Vec::lanes;
    t.attention = isa::attention_table();
    t.conv = isa::conv_table();
    t.depthwise = isa::depthwise_table();
    t.grouped = isa::grouped_table();
    t.few_outputs = isa::few_outputs_table();
    t.winograd2 = isa::winograd2_table();
    t.winograd4 = isa::winograd4_table();
    t.conv_weight_grad = isa::conv_weight_grad_table();
    t.depthwise_weight_grad = isa::depthwise_weight_grad_table();
    t.winograd_weight_grad = isa::winograd_weight_grad_table();
    t.layout = isa::layout_table();
    t.reduction = isa::reduction_table();
    t.elementwise = isa::elementwise_table();
    t.matmul = isa::matmul_table();
    t.optimizer = isa::optimizer_table();
    t.pool = isa::pool_table();
    t.recurrence = isa::recurrence_table();
    t.interpolate = isa::interpolate_table();
    t.norm = isa::norm_table();
    t.softmax = isa::softmax_table();
    return t;
  }();
  return table;
}

}  // namespace medtorch
