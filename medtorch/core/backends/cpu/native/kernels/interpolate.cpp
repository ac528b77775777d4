// Weighted sums of few places each.
#include "../families/interpolate.hpp"
#include "../lanes.hpp"
#include "../simd.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

void place(const TapTable& t, Index place, const float* x, Index inner, float* y) noexcept {
  const std::int32_t* index = t.index + place * t.taps;
  const float* weight = t.weight + place * t.taps;
  write_row(y, inner, [=, &t](Index i, int left) {
    Vec sum = Vec::zero();
    for (Index k = 0; k < t.taps; ++k)
      if (weight[k] != 0.0f) sum = sum + read(x + index[k] * inner + i, left) * Vec::set(weight[k]);
    return sum;
  });
}

template <int taps>
void row_of(const TapTable& t, const float* x, float* y) noexcept {
  for (Index i = 0; i < t.count; ++i) {
    float sum = 0.0f;
    for (int k = 0; k < taps; ++k) {
      const float weight = t.weight[i * taps + k];
      sum += weight != 0.0f ? x[t.index[i * taps + k]] * weight : 0.0f;
    }
    y[i] = sum;
  }
}

void row(const TapTable& t, const float* x, float* y) noexcept {
  if (t.taps == 1) return row_of<1>(t, x, y);
  if (t.taps == 2) return row_of<2>(t, x, y);
  if (t.taps == 4) return row_of<4>(t, x, y);
  for (Index i = 0; i < t.count; ++i) place(t, i, x, 1, y + i);
}

}  // namespace

InterpolateTable interpolate_table() noexcept { return {place, row}; }

}  // namespace medtorch::MEDTORCH_ISA
