#include "kernel_set.hpp"

#include <algorithm>
#include <stdexcept>

#include "cpuid.hpp"

namespace medtorch {
namespace {

const Table* find_table(const std::string& name) {
#if defined(MEDTORCH_HAS_AVX512)
  if (name == "avx512") return &table_avx512();
#endif
#if defined(MEDTORCH_HAS_AVX2)
  if (name == "avx2") return &table_avx2();
#endif
#if defined(MEDTORCH_HAS_NEON)
  if (name == "neon") return &table_neon();
#endif
  return name == "scalar" ? &table_scalar() : nullptr;
}

}  // namespace

KernelSet::KernelSet(const std::string& name) : name_(name), table_(nullptr) {
  const auto here = instruction_sets();
  if (std::find(here.begin(), here.end(), name) != here.end()) table_ = find_table(name);
  if (table_ == nullptr) throw std::invalid_argument("this build or this processor has no kernel set " + name);
}

}  // namespace medtorch
