"""Adagrad.

Source    Duchi, Hazan & Singer 2011, JMLR 12, 2121-2159; semantics of torch.optim.Adagrad
Requires  REQ-F-OPT-007
"""

from __future__ import annotations

from medtorch.core.tensor import Tensor
from medtorch.errors import UnsupportedError
from medtorch.optim._rule import ByParameter, directed
from medtorch.optim.optimizer import Group, Params, check_numbers, counted, new_step


class Adagrad(ByParameter):
    """Steps divided by the root of the sum of all squared gradients so far.

    Math      s <- s + g^2, from initial_accumulator_value; p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)
    Raises    ArgumentError for a negative number
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        initial = initial_accumulator_value
        check_numbers(
            "Adagrad",
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial,
            eps=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                self._start(param, group)

    def _start(self, param: Tensor, group: Group) -> None:
        state = self.state[param]
        state["step"] = new_step(param)
        state["sum"] = param.detach().new_full(param.shape, group["initial_accumulator_value"])

    def share_memory(self) -> None:
        """Not supported: tensors are not shared between processes."""
        raise UnsupportedError("Adagrad.share_memory is not supported")

    def _update(self, param: Tensor, grad: Tensor, group: Group) -> None:
        if not self.state[param]:
            self._start(param, group)
        state = self.state[param]
        grad = directed(param, grad, group)
        rate = group["lr"] / (1 + (counted(state) - 1) * group["lr_decay"])
        state["sum"].addcmul_(grad, grad)
        param.addcdiv_(grad, state["sum"].sqrt().add_(group["eps"]), value=-rate)
