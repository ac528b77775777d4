"""RMSprop.

Source    Hinton, Coursera lecture 6e, 2012; Graves 2013, arXiv:1308.0850 (centered); semantics of torch.optim.RMSprop
Requires  REQ-F-OPT-004
"""

from __future__ import annotations

from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.optim.optimizer import Closure, Group, Optimizer, Params, check_numbers, counted, new_step


class RMSprop(Optimizer):
    """Steps scaled by a running mean of the gradient's square.

    Math      g <- g + weight_decay * p (of -g with `maximize`); v <- alpha v + (1 - alpha) g^2;
              `centered`: a <- a + (1 - alpha) (g - a), v' = v - a^2, else v' = v; d = sqrt(v') + eps;
              with momentum b <- momentum * b + g / d, p <- p - lr * b, else p <- p - lr * g / d
    Raises    ArgumentError for a negative number
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_numbers("RMSprop", lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def step(self, closure: Closure | None = None) -> Any:
        """Move every parameter that has a gradient."""
        return self._step(closure)

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        state = self.state[param]
        if not state:
            _start(param, state, group)
        alpha, lr = group["alpha"], group["lr"]
        grad = -grad if group["maximize"] else grad
        counted(state)
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        square = state["square_avg"]
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = state["grad_avg"].lerp_(grad, 1 - alpha)
            square = square.addcmul(mean, mean, value=-1)
        scale = square.sqrt().add_(group["eps"])
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"].mul_(group["momentum"]).addcdiv_(grad, scale)
            param.add_(buffer, alpha=-lr)
        else:
            param.addcdiv_(grad, scale, value=-lr)


def _start(param: Tensor, state: dict[str, Any], group: Group) -> None:
    state["step"] = new_step(param)
    state["square_avg"] = param.detach().new_zeros(param.shape)
    if group["momentum"] > 0:
        state["momentum_buffer"] = param.detach().new_zeros(param.shape)
    if group["centered"]:
        state["grad_avg"] = param.detach().new_zeros(param.shape)
