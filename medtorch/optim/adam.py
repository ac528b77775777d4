"""Adam and AdamW.

Source    Kingma & Ba 2015, arXiv:1412.6980; Reddi et al. 2018 (AMSGrad); Loshchilov & Hutter 2019, arXiv:1711.05101;
          semantics of torch.optim.Adam, AdamW
Requires  REQ-F-OPT-003
"""

from __future__ import annotations

import functools
from typing import Any

from medtorch.core.kernels import Kernels
from medtorch.core.ops.arithmetic import maximum
from medtorch.core.stepping import step_together
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, UnsupportedError
from medtorch.optim.optimizer import Closure, Group, Optimizer, Params, check_numbers, counted, new_step
from medtorch.optim.together import SWITCHES, parted


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

    Math      g <- g + weight_decay * p (of -g with `maximize`), or decoupled: p <- p * (1 - lr * weight_decay);
              m <- m + (1 - b1) (g - m), v <- b2 v + (1 - b2) g^2;
              p <- p - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps), with `amsgrad` the largest v so far
    Raises    ArgumentError for a negative number or a beta outside [0, 1)
    """

    _accepted = SWITCHES

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_numbers(type(self).__name__, lr=lr, eps=eps, weight_decay=weight_decay)
        for nr, beta in enumerate(betas):
            if isinstance(beta, Tensor):
                raise UnsupportedError(f"{type(self).__name__}: betas as tensors are not supported; use numbers")
            if not 0.0 <= beta < 1.0:
                raise ArgumentError(f"Invalid beta parameter at index {nr}: {beta}")
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def step(self, closure: Closure | None = None) -> Any:
        """Move every parameter that has a gradient."""
        return self._step(closure)

    def _update_together(self, params: list[Tensor], group: Group) -> list[Tensor]:
        names = ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if group["amsgrad"] else ()))
        together, alone = parted(
            type(self).__name__, params, group, lambda p: [self.state[p].get(name) for name in names]
        )
        by_step: dict[int, list[tuple[Any, ...]]] = {}
        for param in together:
            state = self.state[param]
            if not state:
                _start(param, state, group["amsgrad"])
            by_step.setdefault(counted(state), []).append((param, param.grad, *(state[name] for name in names)))
        for step, rows in by_step.items():
            step_together(rows, functools.partial(_adam, group, step))
        return alone

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        state = self.state[param]
        lr, decay = group["lr"], group["weight_decay"]
        beta1, beta2 = group["betas"]
        if not state:
            _start(param, state, group["amsgrad"])
        grad = -grad if group["maximize"] else grad
        step = counted(state)
        if decay != 0:
            if group["decoupled_weight_decay"]:
                param.mul_(1 - lr * decay)
            else:
                grad = grad.add(param, alpha=decay)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if group["amsgrad"]:
            square = state["max_exp_avg_sq"].copy_(maximum(state["max_exp_avg_sq"], square))
        scale = (square.sqrt() / (1 - beta2**step) ** 0.5).add_(group["eps"])
        param.addcdiv_(mean, scale, value=-lr / (1 - beta1**step))


def _adam(group: Group, step: int, kernels: Kernels, rows: list[tuple[Any, ...]]) -> None:
    kernels.adam_step(
        rows,
        step,
        group["lr"],
        group["betas"],
        group["eps"],
        group["weight_decay"],
        group["decoupled_weight_decay"],
        group["maximize"],
    )


def _start(param: Tensor, state: dict[str, Any], amsgrad: bool) -> None:
    state["step"] = new_step(param)
    state["exp_avg"] = param.detach().new_zeros(param.shape)
    state["exp_avg_sq"] = param.detach().new_zeros(param.shape)
    if amsgrad:
        state["max_exp_avg_sq"] = param.detach().new_zeros(param.shape)
