"""What update rules share: how a state begins, and what becomes of a gradient before the rule sees it."""

from __future__ import annotations

from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, UnsupportedError
from medtorch.optim.optimizer import Closure, Group, Optimizer, new_step


class ByParameter(Optimizer):
    """An optimizer whose rule moves each parameter by itself: derive and write `_update`."""

    def step(self, closure: Closure | None = None) -> Any:
        """Move every parameter that has a gradient."""
        return self._step(closure)


def start(state: dict[str, Any], param: Tensor, *names: str) -> None:
    """No steps yet, and zeros in the parameter's shape under each of `names`."""
    state["step"] = new_step(param)
    for name in names:
        state[name] = param.detach().new_zeros(param.shape)


def directed(param: Tensor, grad: Tensor, group: Group, *, decay: bool = True) -> Tensor:
    """The gradient to go down: turned round with `maximize`, pulling to zero by `weight_decay` unless not `decay`."""
    grad = -grad if group["maximize"] else grad
    if decay and group["weight_decay"] != 0:
        grad = grad.add(param, alpha=group["weight_decay"])
    return grad


def decayed(param: Tensor, grad: Tensor, group: Group) -> Tensor:
    """`directed`, with weight decay in the gradient or, if decoupled, done to the parameter at once."""
    if not group["decoupled_weight_decay"]:
        return directed(param, grad, group)
    param.mul_(1 - group["lr"] * group["weight_decay"])
    return directed(param, grad, group, decay=False)


def check_betas(name: str, betas: tuple[Any, Any]) -> None:
    """Raise ArgumentError for a beta outside [0, 1)."""
    for nr, beta in enumerate(betas):
        if isinstance(beta, Tensor):
            raise UnsupportedError(f"{name}: betas as tensors are not supported; use numbers")
        if not 0.0 <= beta < 1.0:
            raise ArgumentError(f"{name}: Invalid beta parameter at index {nr}: {beta}")
