"""Adafactor.

Source    Shazeer & Stern 2018, arXiv:1804.04235; semantics of torch.optim.Adafactor
Requires  REQ-F-OPT-007
"""

from __future__ import annotations

import math
from typing import Any

from medtorch.core.dtypes import finfo
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.optim._rule import ByParameter, directed
from medtorch.optim.optimizer import Group, Params, check_numbers, counted, new_step


class Adafactor(ByParameter):
    """Adam without momentum, its squares kept only as row and column means, its steps relative to the parameter's size.

    Math      w = t^beta2_decay; r <- r + w (mean_cols g^2 - r), c <- c + w (mean_rows g^2 - c), v = r c / max(mean r,
              eps1), or v <- v + w (g^2 - v) with fewer than 2 dims; u = g / sqrt(max(v, eps1^2));
              p <- p (1 - lr weight_decay) - max(eps2, rms p) min(lr, 1 / sqrt t) u / max(1, rms u / d)
    Raises    ArgumentError for negative numbers, d below 1, beta2_decay above 0
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_numbers("Adafactor", lr=lr, weight_decay=weight_decay)
        _check(beta2_decay, eps, d)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        state, lr = self.state[param], group["lr"]
        if not state:
            _start(state, param)
        step = counted(state)
        grad = directed(param, grad, group, decay=False)
        first, second = group["eps"]
        least = finfo(param.dtype).eps if first is None else first
        size = max(second, _rms(param)) * min(lr, step**-0.5)
        param.mul_(1 - lr * group["weight_decay"])
        square = _square(state, grad, step ** group["beta2_decay"], least)
        update = square.clamp_(min=least * least).rsqrt_().mul_(grad)
        param.add_(update, alpha=-size / max(1.0, _rms(update) / group["d"]))


def _check(beta2_decay: float, eps: tuple[float | None, float], d: float) -> None:
    if beta2_decay > 0.0:
        raise ArgumentError(f"Adafactor: beta2_decay should be <= 0 but is: {beta2_decay}")
    for nr, least in enumerate(eps, 1):
        if least is not None and least < 0:
            raise ArgumentError(f"Adafactor: epsilon{nr} should be >= 0 but is: {least}")
    if d < 1.0:
        raise ArgumentError(f"Adafactor: Clipping threshold d should be >= 1 but is: {d}")


def _start(state: dict[str, Any], param: Tensor) -> None:
    state["step"] = new_step(param)
    own = param.detach()
    if param.ndim > 1:
        state["row_var"] = own.new_zeros((*param.shape[:-1], 1))
        state["col_var"] = own.new_zeros((*param.shape[:-2], 1, param.shape[-1]))
    else:
        state["variance"] = own.new_zeros(param.shape)


def _square(state: dict[str, Any], grad: Tensor, weight: float, least: float) -> Tensor:
    """What the square of the gradient is taken to be: a product of means, or the running square itself."""
    squared = grad * grad
    if grad.ndim < 2:
        return state["variance"].lerp_(squared, weight).clone()  # type: ignore[no-any-return]
    rows = state["row_var"].lerp_(squared.mean(-1, keepdim=True), weight)
    columns = state["col_var"].lerp_(squared.mean(-2, keepdim=True), weight)
    return (rows @ columns).div_(rows.mean(-2, keepdim=True).clamp_(min=least))  # type: ignore[no-any-return]


def _rms(x: Tensor) -> float:
    return float(x.norm(2).item() / math.sqrt(max(1, x.numel())))
