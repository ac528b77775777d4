// This set's kernels as a table.
#include "../simd.hpp"
#include "kernels.hpp"

#define MEDTORCH_JOIN_(a, b) a##b
#define MEDTORCH_JOIN(a, b) MEDTORCH_JOIN_(a, b)

namespace medtorch {

const Table& MEDTORCH_JOIN(table_, MEDTORCH_ISA)() noexcept {
  namespace isa = MEDTORCH_ISA;
  static const Table table{
      isa::Vec::lanes,
      isa::conv_table(),
      isa::depthwise_table(),
      isa::layout_table(),
      isa::reduction_table(),
      isa::elementwise_table(),
  };
  return table;
}

}  // namespace medtorch
