// Steps of optimizers. Each product and sum is rounded once, in the order of the rules written with tensors: the same bits.
#include "../families/optimizer.hpp"
#include "../lanes.hpp"
#include "../simd.hpp"
#include "kernels.hpp"

namespace medtorch::MEDTORCH_ISA {
namespace {

template <typename F>
inline void each(Index n, const F& f) noexcept {
  Index i = 0;
  for (; i + Vec::lanes <= n; i += Vec::lanes) f(i, Vec::lanes);
  if (i < n) f(i, static_cast<int>(n - i));
}

template <bool has_buffer>
void sgd_of(const SgdStep& s, const SgdRule& r) noexcept {
  const Vec lr = Vec::set(r.lr), momentum = Vec::set(r.momentum), rest = Vec::set(r.rest), decay = Vec::set(r.weight_decay);
  each(s.n, [&](Index i, int left) {
    const Vec p = read(s.param + i, left);
    Vec g = read(s.grad + i, left);
    if (r.maximize) g = -g;
    if (r.decays) g = g + p * decay;
    if (has_buffer) {
      const Vec b = r.first ? g : read(s.buffer + i, left) * momentum + g * rest;
      write(b, s.buffer + i, left);
      g = r.nesterov ? g + b * momentum : b;
    }
    write(p + g * lr, s.param + i, left);
  });
}

void sgd(const SgdStep& s, const SgdRule& r) noexcept { s.buffer == nullptr ? sgd_of<false>(s, r) : sgd_of<true>(s, r); }

void adam(const AdamStep& s, const AdamRule& r) noexcept {
  const Vec decay = Vec::set(r.weight_decay), shrink = Vec::set(r.shrink), to_grad = Vec::set(r.to_grad), to_mean = Vec::set(r.to_mean);
  const Vec keep = Vec::set(r.keep), to_square = Vec::set(r.to_square), root = Vec::set(r.root), eps = Vec::set(r.eps), rate = Vec::set(r.rate);
  each(s.n, [&](Index i, int left) {
    Vec p = read(s.param + i, left), g = read(s.grad + i, left), mean = read(s.mean + i, left);
    if (r.maximize) g = -g;
    if (r.decays && r.decoupled) p = p * shrink;
    if (r.decays && !r.decoupled) g = g + p * decay;
    mean = r.near ? mean + to_grad * (g - mean) : g - (g - mean) * to_mean;
    Vec square = read(s.square + i, left) * keep + (g * g) * to_square;
    write(mean, s.mean + i, left);
    write(square, s.square + i, left);
    if (s.largest != nullptr) {
      square = max_nan(read(s.largest + i, left), square);
      write(square, s.largest + i, left);
    }
    const Vec scale = sqrt(square) / root + eps;
    write(p + (mean / scale) * rate, s.param + i, left);
  });
}

}  // namespace

OptimizerTable optimizer_table() noexcept { return {sgd, adam}; }

}  // namespace medtorch::MEDTORCH_ISA
