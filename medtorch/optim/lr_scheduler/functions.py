"""Schedules given as functions of the epoch.

Source    semantics of torch.optim.lr_scheduler.LambdaLR, MultiplicativeLR
Requires  REQ-F-OPT-005
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from medtorch.errors import ModuleTypeError
from medtorch.optim.lr_scheduler.base import LRScheduler, checked_optimizer, per_group
from medtorch.optim.optimizer import Optimizer

Factor = Callable[[int], float]


class _OfFunctions(LRScheduler):
    """One function for all groups, or one a group. A function is not part of the state; an object's fields are."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        self.lr_lambdas: list[Any] = per_group("lr_lambda", checked_optimizer(optimizer), lr_lambda)
        for function in self.lr_lambdas:
            if not callable(function):
                raise ModuleTypeError(f"lr_lambda should be a function, but got {type(function).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and the functions."""
        state = super().state_dict()
        state["lr_lambdas"] = [None if isinstance(f, types.FunctionType) else dict(vars(f)) for f in self.lr_lambdas]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what state_dict gave; the functions stay as they are."""
        own = self.lr_lambdas
        super().load_state_dict(state_dict)
        fields, self.lr_lambdas = self.lr_lambdas, own
        for function, values in zip(own, fields, strict=True):
            if values is not None:
                vars(function).update(values)


class LambdaLR(_OfFunctions):
    """lr = base * lr_lambda(epoch)."""

    def get_lr(self) -> list[float]:
        return [base * factor(self.last_epoch) for factor, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_OfFunctions):
    """Times lr_lambda(epoch) every epoch."""

    def get_lr(self) -> list[float]:
        if self._is_initial:
            return self._rates()
        return [rate * factor(self.last_epoch) for factor, rate in zip(self.lr_lambdas, self._rates(), strict=True)]
