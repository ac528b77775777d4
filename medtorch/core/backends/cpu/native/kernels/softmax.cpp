// Softmax along rows that lie side by side in memory.
#include "../families/softmax.hpp"
#include "softmax_row.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

void softmax(const float* x, float* y, Index n) noexcept {
  softmax_row(n, [x](Index i) { return x + i; }, [y](Index i) { return y + i; });
}

void log_softmax(const float* x, float* y, Index n) noexcept {
  const Vec top = Vec::set(greatest(n, [x](Index i) { return x + i; }));
  const double total = fold_run<Sum>(n, [=](Index i, int left) { return exp(read(x + i, left) - top); });
  const Vec all = log(Vec::set(static_cast<float>(total)));
  write_row(y, n, [=](Index i, int left) { return (read(x + i, left) - top) - all; });
}

constexpr Index group = 64;  // short rows that are taken at a time

// The sum of a row of up to 16 is the sum of its lanes, joined as lanes.hpp joins them.
void sum_of_lanes(double (*part)[group], Index n) noexcept {
  for (Index half = virtual_lanes / 2; half > 0; half /= 2)
    for (Index i = 0; i < half && i + half < n; ++i)
      for (Index r = 0; r < group; ++r) part[i][r] += part[i + half][r];
}

// Many rows of up to 16 numbers: vectors run over rows.
template <bool logarithm>
void short_rows(const float* x, float* y, Index rows, Index n) noexcept {
  alignas(64) float at[virtual_lanes][group] = {}, power[virtual_lanes][group], all[group];
  alignas(64) double part[virtual_lanes][group];
  for (Index first = 0; first < rows; first += group) {
    const Index count = least(group, rows - first);
    const float* from = x + first * n;
    float* to = y + first * n;
    for (Index r = 0; r < count; ++r)
      for (Index i = 0; i < n; ++i) at[i][r] = from[r * n + i];
    for (Index r = 0; r < group; r += Vec::lanes) {
      Vec top = Vec::set(Greatest::start);
      for (Index i = 0; i < n; ++i) top = Greatest::join(top, Vec::load(at[i] + r));
      for (Index i = 0; i < n; ++i) {
        const Vec gap = Vec::load(at[i] + r) - top;
        if (logarithm) gap.store(at[i] + r);
        exp(gap).store(power[i] + r);
      }
    }
    for (Index i = 0; i < n; ++i)
      for (Index r = 0; r < group; ++r) part[i][r] = power[i][r];
    sum_of_lanes(part, n);
    for (Index r = 0; r < group; ++r) all[r] = static_cast<float>(part[0][r]);
    for (Index r = 0; r < group; r += Vec::lanes) {
      const Vec total = logarithm ? log(Vec::load(all + r)) : Vec::load(all + r);
      for (Index i = 0; i < n; ++i) (logarithm ? Vec::load(at[i] + r) - total : Vec::load(power[i] + r) / total).store(at[i] + r);
    }
    for (Index r = 0; r < count; ++r)
      for (Index i = 0; i < n; ++i) to[r * n + i] = at[i][r];
  }
}

}  // namespace

SoftmaxTable softmax_table() noexcept { return {softmax, log_softmax, short_rows<false>, short_rows<true>}; }

}  // namespace medtorch::MEDTORCH_ISA
