// What the optimizer family offers: a step of each rule over numbers that lie side by side. The rules stand at the optimizers.
#pragma once

#include "family.hpp"

namespace medtorch {

// One stretch of a parameter with its gradient and state; all of `n` numbers.
struct SgdStep {
  float* param;
  const float* grad;
  float* buffer;  // null without momentum
  Index n;
};

struct SgdRule {
  float lr, momentum, rest, weight_decay;  // rest: 1 - dampening; lr is negative, as it is added
  bool nesterov, maximize, decays;
  bool first;  // the buffer starts as the gradient
};

struct AdamStep {
  float* param;
  const float* grad;
  float *mean, *square;
  float* largest;  // null without amsgrad
  Index n;
};

struct AdamRule {
  float weight_decay, shrink;    // shrink: 1 - lr decay, for a decay that is decoupled
  float to_grad, keep, to_square;  // 1 - beta1; beta2; 1 - beta2
  float root, eps, rate;         // sqrt(1 - beta2^t); eps; -lr / (1 - beta1^t)
  float to_mean;                 // beta1 as the far end of the running mean has it, 1 - (1 - beta1)
  bool near, maximize, decays, decoupled;  // near: 1 - beta1 below a half
};

struct OptimizerTable {
  void (*sgd)(const SgdStep&, const SgdRule&) noexcept;
  void (*adam)(const AdamStep&, const AdamRule&) noexcept;
};

}  // namespace medtorch
