"""Muon.

Source    Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; Liu et al. 2025,
          arXiv:2502.16982 ("match_rms_adamw"); semantics of torch.optim.Muon
Requires  REQ-F-OPT-007
"""

from __future__ import annotations

import math

from medtorch.core.dtypes import bfloat16, float32
from medtorch.core.ops.matmul import addmm
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.optim._rule import ByParameter
from medtorch.optim.optimizer import Group, Params, check_numbers

_RATES = (None, "original", "match_rms_adamw")


class Muon(ByParameter):
    """Matrices move along their momentum made orthogonal, so that every direction in it counts about the same.

    Math      b <- b + (1 - momentum) (g - b); u = g + momentum (b - g) with `nesterov`, else b; x = u / max(|u|, eps);
              ns_steps times, in bfloat16: x <- a x + (b x x^T + c (x x^T)^2) x, the longer side last;
              p <- p (1 - lr weight_decay) - lr f x, f = sqrt(max(1, rows / cols)), or 0.2 sqrt(max(rows, cols))
    Raises    ArgumentError for a negative number, a parameter that is no matrix, an unknown adjust_lr_fn
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_numbers("Muon", lr=lr, weight_decay=weight_decay, momentum=momentum)
        if adjust_lr_fn not in _RATES:
            raise ArgumentError(f"Muon: Adjust learning rate function {adjust_lr_fn} is not supported")
        if not 0 <= ns_steps < 100:
            raise ArgumentError(f"Muon: Number of steps must be less than 100, got {ns_steps}")
        if len(ns_coefficients) != 3:
            raise ArgumentError(f"Muon: Coefficients must be a tuple of exactly 3 values, got {ns_coefficients}")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def _check_group(self, group: Group) -> None:
        super()._check_group(group)
        for param in group["params"]:
            if param.ndim != 2:
                raise ArgumentError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {tuple(param.shape)}"
                )

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        state, momentum = self.state[param], group["momentum"]
        if not state:
            state["momentum_buffer"] = grad.new_zeros(grad.shape)
        buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        update = _orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        param.mul_(1 - group["lr"] * group["weight_decay"])
        param.add_(update.to(param.dtype), alpha=-group["lr"] * _factor(group["adjust_lr_fn"], *param.shape))


def _orthogonal(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """About U V^T of the matrix's singular value decomposition, by Newton and Schulz's iteration."""
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = _rounded(matrix.T if tall else matrix)
    x = _rounded(x / _rounded(x.norm().clamp(min=eps)))
    for _ in range(steps):
        gram = _rounded(x @ x.T)
        gram = _rounded(addmm(gram, gram, gram, beta=b, alpha=c))
        x = _rounded(addmm(x, gram, x, beta=a))
    return x.T if tall else x


def _rounded(x: Tensor) -> Tensor:
    """In float32, to the precision of bfloat16: each product is rounded once, as hardware that has the type does."""
    return x.to(bfloat16).to(float32)


def _factor(rule: str | None, rows: int, columns: int) -> float:
    return 0.2 * math.sqrt(max(rows, columns)) if rule == "match_rms_adamw" else math.sqrt(max(1, rows / columns))
