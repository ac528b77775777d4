// Folds of blocks, and places of extremes.
#include "../families/reduction.hpp"
#include "../functions.hpp"
#include "../lanes.hpp"
#include "../simd.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

// What each number becomes before it is folded. `reads_g`, `reads_mean`: which of the others it looks at.
struct Plain {
  static constexpr bool reads_g = false, reads_mean = false;
  static Vec of(Vec x, Vec, Vec, Vec) noexcept { return x; }
};
struct Size : Plain {
  static Vec of(Vec x, Vec, Vec, Vec) noexcept { return abs(x); }
};
struct Square : Plain {
  static Vec of(Vec x, Vec, Vec, Vec) noexcept { return x * x; }
};
struct SquareGap {
  static constexpr bool reads_g = false, reads_mean = true;
  static Vec of(Vec x, Vec, Vec mean, Vec) noexcept { return (x - mean) * (x - mean); }
};
struct ExpGap : SquareGap {
  static Vec of(Vec x, Vec, Vec mean, Vec) noexcept { return exp(x - mean); }
};
struct Standardized {
  static constexpr bool reads_g = true, reads_mean = true;
  static Vec of(Vec x, Vec g, Vec mean, Vec scale) noexcept { return ((x - mean) * scale) * g; }
};

template <typename How, typename F>
double along(const Block& b) noexcept {
  const Vec mean = F::reads_mean ? Vec::set(b.mean[0]) : Vec::zero();
  const Vec scale = F::reads_g ? Vec::set(b.scale[0]) : Vec::zero();
  return fold_block<How>(b.n, [&](Index i, int left) {
    return F::of(read(b.x + i, left), F::reads_g ? read(b.g + i, left) : Vec::zero(), mean, scale);
  });
}

// `width` outputs from `j` on out of their lanes, of which the first `lanes` have terms.
template <typename How>
inline void join_columns(const float (*lane)[most_outputs], int lanes, int j, int width, double* y) noexcept {
  constexpr int half = virtual_lanes / 2;
  double part[half][virtual_lanes];
  for (int l = 0; l < half; ++l)
    for (int i = 0; i < width; ++i) {
      const double low = l < lanes ? lane[l][j + i] : How::start, high = l + half < lanes ? lane[l + half][j + i] : How::start;
      part[l][i] = How::join(low, high);
    }
  for (int rest = half / 2; rest > 0; rest /= 2)
    for (int l = 0; l < rest; ++l)
      for (int i = 0; i < width; ++i) part[l][i] = How::join(part[l][i], part[l + rest][i]);
  for (int i = 0; i < width; ++i) y[j + i] = part[0][i];
}

// Each row of outputs is read once, from end to end; the lanes lie in the innermost cache.
template <typename How, typename F>
void across(const Block& b, int outputs, double* y) noexcept {
  alignas(64) float lane[virtual_lanes][most_outputs];
  const auto each_vector = [outputs](const auto& f) {
    int j = 0;
    for (; j + Vec::lanes <= outputs; j += Vec::lanes) f(j, Vec::lanes);
    if (j < outputs) f(j, outputs - j);
  };
  const auto add_row = [&](Index i, const auto& before) {
    const float* x = b.x + i * b.x_step;
    const float* g = F::reads_g ? b.g + i * b.g_step : nullptr;
    float* to = lane[i % virtual_lanes];
    each_vector([&](int j, int left) {
      const Vec mean = F::reads_mean ? read(b.mean + j, left) : Vec::zero();
      const Vec scale = F::reads_g ? read(b.scale + j, left) : Vec::zero();
      const Vec term = F::of(read(x + j, left), F::reads_g ? read(g + j, left) : Vec::zero(), mean, scale);
      How::join(before(to + j), term).store(to + j);
    });
  };
  const Index first = least<Index>(b.n, virtual_lanes);
  for (Index i = 0; i < first; ++i) add_row(i, [](const float*) { return Vec::set(How::start); });
  for (Index i = first; i < b.n; ++i) add_row(i, [](const float* p) { return Vec::load(p); });
  const int lanes = static_cast<int>(first);
  int j = 0;
  for (; j + virtual_lanes <= outputs; j += virtual_lanes) join_columns<How>(lane, lanes, j, virtual_lanes, y);
  if (j < outputs) join_columns<How>(lane, lanes, j, outputs - j, y);
}

template <typename How, typename F>
constexpr FoldKernels fold() noexcept {
  return {along<How, F>, across<How, F>, How::join, How::start};
}

constexpr FoldKernels folds[] = {
    fold<Sum, Plain>(),        fold<Sum, Size>(),       fold<Sum, Square>(),     fold<Sum, SquareGap>(), fold<Sum, Standardized>(),
    fold<Sum, ExpGap>(),       fold<Multiple, Plain>(), fold<Greatest, Plain>(), fold<Least, Plain>(),   fold<Greatest, Size>(),
    fold<Least, Size>(),
};
static_assert(sizeof folds / sizeof folds[0] == static_cast<int>(Fold::count), "one line an entry of Fold");

std::int32_t place_along(const float* x, Index n, bool greatest) noexcept {
  const auto at = [x](Index i, int left) { return read(x + i, left); };
  const float best = static_cast<float>(greatest ? fold_run<Greatest>(n, at) : fold_run<Least>(n, at));
  Index i = 0;
  if (best != best)
    while (x[i] == x[i]) ++i;
  else
    while (x[i] != best) ++i;
  return static_cast<std::int32_t>(i);
}

void place_across(const float* x, Index n, Index step, int outputs, bool greatest, std::int32_t* y) noexcept {
  float best[most_outputs];
  for (int l = 0; l < outputs; ++l) {
    best[l] = x[l];
    y[l] = 0;
  }
  for (Index i = 1; i < n; ++i) {
    const float* at = x + i * step;
    for (int l = 0; l < outputs; ++l) {
      const float now = at[l];
      const bool better = (greatest ? now > best[l] : now < best[l]) || (now != now && best[l] == best[l]);
      best[l] = better ? now : best[l];
      y[l] = better ? static_cast<std::int32_t>(i) : y[l];
    }
  }
}

}  // namespace

ReductionTable reduction_table() noexcept { return {folds, place_along, place_across}; }

}  // namespace medtorch::MEDTORCH_ISA
