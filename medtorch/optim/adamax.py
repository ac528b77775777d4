"""Adamax.

Source    Kingma & Ba 2015, arXiv:1412.6980, section 7.1; semantics of torch.optim.Adamax
Requires  REQ-F-OPT-007
"""

from __future__ import annotations

from medtorch.core.ops.arithmetic import maximum
from medtorch.core.tensor import Tensor
from medtorch.optim._rule import ByParameter, check_betas, directed, start
from medtorch.optim.optimizer import Group, Params, check_numbers, counted


class Adamax(ByParameter):
    """Adam with the largest gradient so far, fading, in place of the root mean square.

    Math      m <- m + (1 - b1) (g - m); u <- max(b2 u, |g| + eps); p <- p - lr / (1 - b1^t) m / u
    Raises    ArgumentError for a negative number or a beta outside [0, 1)
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_numbers("Adamax", lr=lr, eps=eps, weight_decay=weight_decay)
        check_betas("Adamax", betas)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        state = self.state[param]
        beta1, beta2 = group["betas"]
        if not state:
            start(state, param, "exp_avg", "exp_inf")
        step = counted(state)
        grad = directed(param, grad, group)
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        largest = state["exp_inf"]
        largest.copy_(maximum(largest.mul_(beta2), grad.abs().add_(group["eps"])))
        param.addcdiv_(mean, largest, value=-group["lr"] / (1 - beta1**step))
