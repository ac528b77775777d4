"""Rprop.

Source    Riedmiller & Braun 1993, IEEE ICNN 586-591 (the variant without backtracking); semantics of torch.optim.Rprop
Requires  REQ-F-OPT-007
"""

from __future__ import annotations

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.optim._rule import ByParameter, directed, start
from medtorch.optim.optimizer import Group, Params, check_numbers, counted


class Rprop(ByParameter):
    """Steps of a size of their own for each number, growing while the gradient keeps its sign, else shrinking.

    Math      s <- s * eta+ where g g' > 0, s * eta- where g g' < 0, cut to step_sizes; there g <- 0;
              p <- p - sign(g) s; g' is the gradient of the step before, s starts at lr
    Raises    ArgumentError for a negative lr, or etas that are not 0 < eta- < 1 < eta+
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_numbers("Rprop", lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ArgumentError(f"Rprop: Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        state = self.state[param]
        shrink, grow = group["etas"]
        if not state:
            start(state, param, "prev")
            state["step_size"] = grad.new_full(grad.shape, group["lr"])
        counted(state)
        grad = directed(param, grad, group, decay=False)
        agreement = grad * state["prev"]
        turned = agreement < 0
        factor = grad.new_ones(grad.shape).masked_fill_(agreement > 0, grow).masked_fill_(turned, shrink)
        size = state["step_size"].mul_(factor).clamp_(*group["step_sizes"])
        grad = grad.masked_fill(turned, 0)
        param.addcmul_(grad.sign(), size, value=-1)
        state["prev"].copy_(grad)
