// Softmax along rows that lie side by side in memory; sums in the order of lanes.hpp, so that other layouts give the same bits.
#include "../families/softmax.hpp"
#include "../functions.hpp"
#include "../lanes.hpp"
#include "../simd.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

float greatest(const float* x, Index n) noexcept {
  return static_cast<float>(fold_run<Greatest>(n, [x](Index i, int left) { return read(x + i, left); }));
}

void softmax(const float* x, float* y, Index n) noexcept {
  const Vec top = Vec::set(greatest(x, n));
  const double total = fold_run<Sum>(n, [=](Index i, int left) {
    const Vec power = exp(read(x + i, left) - top);
    write(power, y + i, left);
    return power;
  });
  const Vec all = Vec::set(static_cast<float>(total));
  write_row(y, n, [=](Index i, int left) { return read(y + i, left) / all; });
}

void log_softmax(const float* x, float* y, Index n) noexcept {
  const Vec top = Vec::set(greatest(x, n));
  const double total = fold_run<Sum>(n, [=](Index i, int left) { return exp(read(x + i, left) - top); });
  const Vec all = log(Vec::set(static_cast<float>(total)));
  write_row(y, n, [=](Index i, int left) { return (read(x + i, left) - top) - all; });
}

}  // namespace

SoftmaxTable softmax_table() noexcept { return {softmax, log_softmax}; }

}  // namespace medtorch::MEDTORCH_ISA
