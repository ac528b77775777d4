// Standardization of rows that lie side by side in memory; sums in the order of lanes.hpp, so that other layouts give the same bits.
#include "../families/norm.hpp"
#include "../lanes.hpp"
#include "../simd.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

template <typename F>
float mean_of(Index n, const F& f) noexcept {
  return static_cast<float>(fold_run<Sum>(n, f) / static_cast<double>(n));
}

struct Moments {
  float mean, var;
};

Moments moments(const float* x, Index n) noexcept {
  const float mean = mean_of(n, [=](Index i, int left) { return read(x + i, left); });
  const Vec centre = Vec::set(mean);
  const float var = mean_of(n, [=](Index i, int left) {
    const Vec gap = read(x + i, left) - centre;
    return gap * gap;
  });
  return {mean, var};
}

Vec scale_of(float var, float eps) noexcept { return Vec::set(1.0f) / sqrt(Vec::set(var) + Vec::set(eps)); }

void standardize(const float* x, float* y, Index n, float eps, float* mean, float* var) noexcept {
  const Moments m = moments(x, n);
  const Vec centre = Vec::set(m.mean), scale = scale_of(m.var, eps);
  write_row(y, n, [=](Index i, int left) { return (read(x + i, left) - centre) * scale; });
  *mean = m.mean;
  *var = m.var;
}

void standardize_input_grad(const float* grad, const float* x, float* y, Index n, float eps) noexcept {
  const Moments m = moments(x, n);
  const Vec centre = Vec::set(m.mean), scale = scale_of(m.var, eps);
  const Vec level = Vec::set(mean_of(n, [=](Index i, int left) { return read(grad + i, left); }));
  const Vec along = Vec::set(mean_of(n, [=](Index i, int left) { return ((read(x + i, left) - centre) * scale) * read(grad + i, left); }));
  write_row(y, n, [=](Index i, int left) {
    return ((read(grad + i, left) - level) - ((read(x + i, left) - centre) * scale) * along) * scale;
  });
}

}  // namespace

NormTable norm_table() noexcept { return {standardize, standardize_input_grad}; }

}  // namespace medtorch::MEDTORCH_ISA
