// Softmax of one row, wherever its numbers lie; sums in the order of lanes.hpp, so that other layouts give the same bits.
#pragma once

#include "../functions.hpp"
#include "../lanes.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {

// from(i) and to(i) are where numbers i and on lie, a vector of them side by side.
template <typename From>
float greatest(Index n, const From& from) noexcept {
  return static_cast<float>(fold_run<Greatest>(n, [&](Index i, int left) { return read(from(i), left); }));
}

template <typename From, typename To>
void softmax_row(Index n, const From& from, const To& to) noexcept {
  const Vec top = Vec::set(greatest(n, from));
  const double total = fold_run<Sum>(n, [&](Index i, int left) {
    const Vec power = exp(read(from(i), left) - top);
    write(power, to(i), left);
    return power;
  });
  const Vec all = Vec::set(static_cast<float>(total));
  for (Index i = 0; i < n; i += Vec::lanes) {
    const int left = static_cast<int>(least<Index>(Vec::lanes, n - i));
    write(read(to(i), left) / all, to(i), left);
  }
}

}  // namespace medtorch::MEDTORCH_ISA
