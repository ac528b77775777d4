// Activations on one vector, for the end of a product and for whole tensors alike. The formulas stand at the ops.
#pragma once

#include "families/conv.hpp"
#include "functions.hpp"
#include "simd.hpp"

namespace medtorch::MEDTORCH_ISA {

// NaN stays NaN, and -0 stays -0, as in torch.
inline Vec relu(Vec x) noexcept { return select(less(x, Vec::zero()), Vec::zero(), x); }
inline Vec relu6(Vec x) noexcept { return min_nan(relu(x), Vec::set(6.0f)); }
inline Vec leaky_relu(Vec x, Vec slope) noexcept { return select(less(Vec::zero(), x), x, x * slope); }

inline Vec elu(Vec x, Vec alpha, Vec scale, Vec input_scale) noexcept {
  const Vec below = expm1(min(Vec::zero(), x) * input_scale) * alpha;
  return select(less(Vec::zero(), x), x * scale, below);
}

inline Vec silu(Vec x) noexcept { return x * sigmoid(x); }

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

inline Vec hardsigmoid(Vec x) noexcept { return relu6(x + Vec::set(3.0f)) / Vec::set(6.0f); }
inline Vec hardswish(Vec x) noexcept { return x * relu6(x + Vec::set(3.0f)) / Vec::set(6.0f); }
inline Vec logsigmoid(Vec x) noexcept { return min_nan(x, Vec::zero()) - log1p(exp(-abs(x))); }

// Those that take many steps: once in the code, not in every tile. `alpha` is that of elu.
[[gnu::noinline]] static Vec activate_slowly(Vec x, Activation kind, float alpha) noexcept {
  const Vec one = Vec::set(1.0f);
  switch (kind) {
    case Activation::elu:
      return elu(x, Vec::set(alpha), one, one);
    case Activation::silu:
      return silu(x);
    case Activation::mish:
      return mish(x);
    case Activation::gelu:
      return gelu(x);
    case Activation::gelu_tanh:
      return gelu_tanh(x);
    case Activation::hardswish:
      return hardswish(x);
    case Activation::hardsigmoid:
      return hardsigmoid(x);
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::tanh:
      return tanh(x);
    case Activation::softplus:  // as with beta 1 and the threshold 20
      return select(less(Vec::set(20.0f), x), x, softplus(x));
    default:
      return x;
  }
}

inline Vec activate(Vec x, Activation kind, float alpha) noexcept {
  switch (kind) {
    case Activation::none:
      return x;
    case Activation::relu:
      return relu(x);
    case Activation::relu6:
      return relu6(x);
    case Activation::leaky_relu:
      return leaky_relu(x, Vec::set(alpha));
    default:
      return activate_slowly(x, kind, alpha);
  }
}

}  // namespace medtorch::MEDTORCH_ISA
