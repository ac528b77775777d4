#include "cpuid.hpp"

namespace medtorch {

std::vector<std::string> instruction_sets() {
  std::vector<std::string> sets{"scalar"};
#if defined(__x86_64__)
  // The compiler's own probe also asks the operating system (XGETBV) whether it saves the wide registers.
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (avx2) sets.emplace_back("avx2");
  if (avx2 && avx512) sets.emplace_back("avx512");
#elif defined(__aarch64__)
  sets.emplace_back("neon");  // part of every 64-bit Arm processor
#endif
  return sets;
}

}  // namespace medtorch
