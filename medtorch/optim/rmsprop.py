"""RMSprop.

Source    Hinton, Coursera lecture 6e, 2012; Graves 2013, arXiv:1308.0850 (centered); semantics of torch.optim.RMSprop
Requires  REQ-F-OPT-004
"""

from __future__ import annotations

from medtorch.core.tensor import Tensor
from medtorch.optim._rule import ByParameter, directed, start
from medtorch.optim.optimizer import Group, Params, check_numbers, counted


class RMSprop(ByParameter):
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

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        state = self.state[param]
        if not state:
            momentum = ["momentum_buffer"] if group["momentum"] > 0 else []
            start(state, param, "square_avg", *momentum, *(["grad_avg"] if group["centered"] else []))
        alpha, lr = group["alpha"], group["lr"]
        counted(state)
        grad = directed(param, grad, group)
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
