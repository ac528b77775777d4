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
float along(const Block& b) noexcept {
  const Vec mean = F::reads_mean ? Vec::set(b.mean[0]) : Vec::zero();
  const Vec scale = F::reads_g ? Vec::set(b.scale[0]) : Vec::zero();
  return fold_block<How>(b.n, [&](Index i, int left) {
    return F::of(read(b.x + i, left), F::reads_g ? read(b.g + i, left) : Vec::zero(), mean, scale);
  });
}

// Each row of outputs is read once, from end to end; the lanes lie in the innermost cache. Lanes without a term are left out of
// the sum of lanes: they would add what changes nothing.
template <typename How, typename F>
void across(const Block& b, int outputs, float* y) noexcept {
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
  for (Index width = virtual_lanes / 2; width > 0; width /= 2)
    for (Index l = 0; l < width && l + width < first; ++l)
      each_vector([&](int j, int) { How::join(Vec::load(lane[l] + j), Vec::load(lane[l + width] + j)).store(lane[l] + j); });
  each_vector([&](int j, int left) { Vec::load(lane[0] + j).store(y + j, left); });
}

template <typename How, typename F>
constexpr FoldKernels fold() noexcept {
  return {along<How, F>, across<How, F>, How::join, How::start};
}

constexpr FoldKernels folds[] = {
    fold<Sum, Plain>(),        fold<Sum, Size>(),       fold<Sum, Square>(),     fold<Sum, SquareGap>(), fold<Sum, Standardized>(),
    fold<Sum, ExpGap>(),       fold<Product, Plain>(),  fold<Greatest, Plain>(), fold<Least, Plain>(),   fold<Greatest, Size>(),
    fold<Least, Size>(),
};
static_assert(sizeof folds / sizeof folds[0] == static_cast<int>(Fold::count), "one line an entry of Fold");

std::int32_t place_along(const float* x, Index n, bool greatest) noexcept {
  const auto at = [x](Index i, int left) { return read(x + i, left); };
  const float best = greatest ? fold_run<Greatest>(n, at) : fold_run<Least>(n, at);
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
