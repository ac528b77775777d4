"""Stochastic gradient descent.

Source    semantics of torch.optim.SGD; Sutskever et al. 2013, ICML
Requires  REQ-F-OPT-002
"""

from __future__ import annotations

import functools
from typing import Any

from medtorch.core.kernels import Kernels
from medtorch.core.stepping import step_together
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.optim.optimizer import Closure, Group, Optimizer, Params, check_numbers
from medtorch.optim.together import SWITCHES, parted


class SGD(Optimizer):
    """Follow the gradient, with momentum if wanted.

    Math      g <- g + weight_decay * p (of -g with `maximize`); b <- momentum * b + (1 - dampening) * g,
              at first b = g; p <- p - lr * b, with `nesterov` p - lr * (g + momentum * b), without momentum p - lr * g
    Raises    ArgumentError for a negative number, or nesterov without momentum or with dampening
    """

    _accepted = SWITCHES

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_numbers("SGD", lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def step(self, closure: Closure | None = None) -> Any:
        """Move every parameter that has a gradient."""
        return self._step(closure)

    def _update_together(self, params: list[Tensor], group: Group) -> list[Tensor]:
        momentum = group["momentum"]
        together, alone = parted(
            "SGD", params, group, lambda p: [self.state[p].get("momentum_buffer")] if momentum else []
        )
        fresh: list[tuple[Tensor, ...]] = []
        started: list[tuple[Tensor, ...]] = []
        for param in together:
            grad: Any = param.grad
            if not momentum:
                started.append((param, grad))
                continue
            state = self.state[param]
            begun = state.get("momentum_buffer") is not None
            if not begun:
                state["momentum_buffer"] = param.detach().clone()
            (started if begun else fresh).append((param, grad, state["momentum_buffer"]))
        for rows, first in ((fresh, True), (started, False)):
            step_together(rows, functools.partial(_sgd, group, first))
        return alone

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        momentum = group["momentum"]
        grad = -grad if group["maximize"] else grad
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        if momentum != 0:
            state = self.state[param]
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        param.add_(grad, alpha=-group["lr"])


def _sgd(group: Group, first: bool, kernels: Kernels, rows: list[tuple[Any, ...]]) -> None:
    kernels.sgd_step(
        rows,
        group["lr"],
        group["momentum"],
        group["dampening"],
        group["weight_decay"],
        group["nesterov"],
        group["maximize"],
        first,
    )
