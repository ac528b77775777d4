"""Averaged stochastic gradient descent.

Source    Polyak & Juditsky 1992, SIAM J. Control Optim. 30(4), 838-855; semantics of torch.optim.ASGD
Requires  REQ-F-OPT-007
"""

from __future__ import annotations

from medtorch.core.tensor import Tensor
from medtorch.optim._rule import ByParameter, directed, start
from medtorch.optim.optimizer import Group, Params, check_numbers, counted, new_step


class ASGD(ByParameter):
    """Gradient descent with a rate that falls, and beside it in the state ("ax") the mean over all steps since t0.

    Math      p <- p (1 - lambd eta) - eta g; ax <- ax + mu (p - ax);
              then eta = lr / (1 + lambd lr t)^alpha, mu = 1 / max(1, t - t0); at first eta = lr, mu = 1
    Raises    ArgumentError for a negative lr or weight_decay
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_numbers("ASGD", lr=lr, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        state, lr, lambd = self.state[param], group["lr"], group["lambd"]
        if not state:
            start(state, param)
            state["eta"], state["mu"] = new_step(param).add_(lr), new_step(param).add_(1)
            state["ax"] = param.detach().new_zeros(param.shape)
        step, eta, weight = counted(state), state["eta"].item(), state["mu"].item()
        grad = directed(param, grad, group)
        param.mul_(1 - lambd * eta).add_(grad, alpha=-eta)
        state["ax"].add_(param.sub(state["ax"]), alpha=weight)
        state["eta"].fill_(lr / (1 + lambd * lr * step) ** group["alpha"])
        state["mu"].fill_(1 / max(1, step - group["t0"]))
