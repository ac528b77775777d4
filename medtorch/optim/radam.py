"""RAdam.

Source    Liu et al. 2020, arXiv:1908.03265; semantics of torch.optim.RAdam
Requires  REQ-F-OPT-007
"""

from __future__ import annotations

from medtorch.core.tensor import Tensor
from medtorch.optim._rule import ByParameter, check_betas, decayed, start
from medtorch.optim.optimizer import Group, Params, check_numbers, counted


class RAdam(ByParameter):
    """Adam that scales its steps only once the running square is made of enough of them.

    Math      m, v as in Adam; r0 = 2 / (1 - b2) - 1; r = r0 - 2 t b2^t / (1 - b2^t);
              if r > 5: p <- p - lr m / (1 - b1^t) sqrt(1 - b2^t) / (sqrt(v) + eps)
              sqrt((r - 4) (r - 2) r0 / ((r0 - 4) (r0 - 2) r)), else p <- p - lr m / (1 - b1^t)
    Raises    ArgumentError for a negative number or a beta outside [0, 1)
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_numbers("RAdam", lr=lr, eps=eps, weight_decay=weight_decay)
        check_betas("RAdam", betas)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        state = self.state[param]
        beta1, beta2 = group["betas"]
        if not state:
            start(state, param, "exp_avg", "exp_avg_sq")
        step = counted(state)
        grad = decayed(param, grad, group)
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        unbiased = mean * (group["lr"] / (1 - beta1**step))
        rectification = _rectification(beta2, step)
        if rectification is not None:
            root = (1 - beta2**step) ** 0.5
            unbiased = unbiased.div_(square.sqrt().add_(group["eps"])).mul_(root * rectification)
        param.sub_(unbiased)


def _rectification(beta2: float, step: int) -> float | None:
    """None while the running square has too few terms for its variance to be finite."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / (1 - beta2**step)
    if length <= 5.0:
        return None
    share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return float(share**0.5)
