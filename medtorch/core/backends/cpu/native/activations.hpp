// Activations on one vector, for the end of a product and for whole tensors alike. The formulas stand at the ops.
#pragma once

#include "families/conv.hpp"
#include "functions.hpp"
#include "simd.hpp"

namespace medtorch::MEDTORCH_ISA {

// NaN stays NaN, and -0 stays -0, as in torch.
inline Vec relu(Vec x) noexcept { return max(Vec::zero(), x); }
inline Vec relu6(Vec x) noexcept { return min(Vec::set(6.0f), relu(x)); }
inline Vec leaky_relu(Vec x, Vec slope) noexcept { return select(less(Vec::zero(), x), x, x * slope); }

inline Vec elu(Vec x, Vec alpha, Vec scale, Vec input_scale) noexcept {
  const Vec below = expm1(min(Vec::zero(), x) * input_scale) * alpha;
  return select(less(Vec::zero(), x), x * scale, below);
}

inline Vec silu(Vec x) noexcept {
  const Vec small = exp_minus_size(x), one = Vec::set(1.0f);
  return select(less(x, Vec::zero()), x * small, x) / (one + small);
}

// tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2); from 20 on 1 within half a unit of the last place.
inline Vec mish(Vec x) noexcept {
  const Vec e = exp(min_nan(x, Vec::set(20.0f))), two = Vec::set(2.0f);
  const Vec w = e * (e + two);
  return select(less(Vec::set(20.0f), x), x, x * (w / (w + two)));
}

inline Vec gelu(Vec x) noexcept { return x * ((erf_share(x * Vec::set(0x1.6a09e6p-1f)) + Vec::set(1.0f)) * Vec::set(0.5f)); }

inline Vec gelu_tanh(Vec x) noexcept {
  const Vec inner = Vec::set(0x1.988454p-1f) * fma(Vec::set(0.044715f) * x * x, x, x);
  return x * Vec::set(0.5f) * (Vec::set(1.0f) + tanh(inner));
}

inline Vec hardsigmoid(Vec x) noexcept { return sixth(relu6(x + Vec::set(3.0f))); }
inline Vec hardswish(Vec x) noexcept { return x * hardsigmoid(x); }
inline Vec logsigmoid(Vec x) noexcept { return min_nan(x, Vec::zero()) - log1p(exp(-abs(x))); }

// Those that take more steps: once in the code, not in every tile. `alpha` is that of leaky_relu and elu.
template <typename F>
inline __attribute__((always_inline)) auto with_slow_activation(Activation kind, float alpha, const F& f) noexcept {
  const Vec one = Vec::set(1.0f);
  switch (kind) {
    case Activation::leaky_relu:
      return f([&](Vec x) { return leaky_relu(x, Vec::set(alpha)); });
    case Activation::elu:
      return f([&](Vec x) { return elu(x, Vec::set(alpha), one, one); });
    case Activation::silu:
      return f([](Vec x) { return silu(x); });
    case Activation::mish:
      return f([](Vec x) { return mish(x); });
    case Activation::gelu:
      return f([](Vec x) { return gelu(x); });
    case Activation::gelu_tanh:
      return f([](Vec x) { return gelu_tanh(x); });
    case Activation::hardswish:
      return f([](Vec x) { return hardswish(x); });
    case Activation::hardsigmoid:
      return f([](Vec x) { return hardsigmoid(x); });
    case Activation::sigmoid:
      return f([](Vec x) { return sigmoid(x); });
    case Activation::tanh:
      return f([](Vec x) { return tanh(x); });
    case Activation::softplus:  // as with beta 1 and the threshold 20
      return f([](Vec x) { return select(less(Vec::set(20.0f), x), x, softplus(x)); });
    default:
      return f([](Vec x) { return x; });
  }
}

[[gnu::noinline, maybe_unused]] static Vec activate_slowly(Vec x, Activation kind, float alpha) noexcept {
  return with_slow_activation(kind, alpha, [&](const auto& activation) { return activation(x); });
}

// `rows` rows of `count` floats, beginning at y + at[i], each activated where it is: a tile calls this once.
[[gnu::noinline, maybe_unused]] static void activate_rows(float* y, const Index* at, Index rows, Index count, Activation kind, float alpha) noexcept {
  constexpr Index lanes = Vec::lanes;
  with_slow_activation(kind, alpha, [&](const auto& activation) {
    for (Index i = 0; i < rows; ++i) {
      float* row = y + at[i];
      Index c = 0;
      for (; c + lanes <= count; c += lanes) activation(Vec::load(row + c)).store(row + c);
      if (c < count) activation(Vec::load(row + c, static_cast<int>(count - c))).store(row + c, static_cast<int>(count - c));
    }
  });
}

// Those that cut off: the end of a tile does them without asking, between infinities where there is nothing to cut.
constexpr bool only_cuts(Activation kind) noexcept { return kind == Activation::none || kind == Activation::relu || kind == Activation::relu6; }

struct Cut {
  Vec low, high;
  explicit Cut(Activation kind) noexcept
      : low(Vec::set(kind == Activation::relu || kind == Activation::relu6 ? 0.0f : -__builtin_inff())),
        high(Vec::set(kind == Activation::relu6 ? 6.0f : __builtin_inff())) {}
  Vec operator()(Vec x) const noexcept { return min(high, max(low, x)); }
};

inline Vec activate(Vec x, Activation kind, float alpha) noexcept {
  return only_cuts(kind) ? Cut(kind)(x) : activate_slowly(x, kind, alpha);
}

}  // namespace medtorch::MEDTORCH_ISA
