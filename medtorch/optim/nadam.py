"""NAdam.

Source    Dozat 2016, ICLR workshop "Incorporating Nesterov Momentum into Adam"; semantics of torch.optim.NAdam
Requires  REQ-F-OPT-007
"""

from __future__ import annotations

from medtorch.core.tensor import Tensor
from medtorch.optim._rule import ByParameter, check_betas, decayed, start
from medtorch.optim.optimizer import Group, Params, check_numbers, counted


class NAdam(ByParameter):
    """Adam that looks ahead along its momentum, whose strength grows with the steps.

    Math      mu_t = b1 (1 - 0.96^(t momentum_decay) / 2); M_t = mu_1 ... mu_t; m, v as in Adam;
              p <- p - lr ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_t mu_(t+1)) m) / (sqrt(v / (1 - b2^t)) + eps)
    Raises    ArgumentError for a negative number or a beta outside [0, 1)
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_numbers("NAdam", lr=lr, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        check_betas("NAdam", betas)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        state, lr = self.state[param], group["lr"]
        beta1, beta2 = group["betas"]
        if not state:
            start(state, param)
            state["mu_product"] = state["step"] + 1
            start(state, param, "exp_avg", "exp_avg_sq")
        step = counted(state)
        grad = decayed(param, grad, group)
        here, ahead = (beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1))
        state["mu_product"] = state["mu_product"] * here
        product = state["mu_product"].item()
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        scale = square.div(1 - beta2**step).sqrt_().add_(group["eps"])
        param.addcdiv_(grad, scale, value=-lr * (1.0 - here) / (1.0 - product))
        param.addcdiv_(mean, scale, value=-lr * ahead / (1.0 - product * ahead))
