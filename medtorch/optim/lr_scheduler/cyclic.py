"""A learning rate that swings between two bounds.

Source    Smith 2017, arXiv:1506.01186; semantics of torch.optim.lr_scheduler.CyclicLR
Requires  REQ-F-OPT-005
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

from medtorch.errors import ArgumentError
from medtorch.optim.lr_scheduler.base import (
    LRScheduler,
    checked_optimizer,
    per_group,
    set_momentum,
    set_rate,
    starts_momentum,
)
from medtorch.optim.optimizer import Optimizer

# The share of the full swing that a cycle has, and what it depends on.
_SCALED_BY = {"triangular": "cycle", "triangular2": "cycle", "exp_range": "iterations"}


class CyclicLR(LRScheduler):
    """Up from base_lr to max_lr in step_size_up steps, down again in step_size_down; momentum the other way.

    Math      lr = base + (max - base) * height * scale; scale 1, 2^(1 - cycle), gamma^step, or scale_fn
    Raises    ArgumentError for an unknown mode, cycle_momentum with an optimizer that has no momentum
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if mode not in _SCALED_BY and scale_fn is None:
            raise ArgumentError(f"CyclicLR: mode is invalid and scale_fn is None: {mode!r}")
        if scale_mode not in ("cycle", "iterations"):
            raise ArgumentError(f"CyclicLR: scale_mode must be 'cycle' or 'iterations', got {scale_mode!r}")
        self.optimizer = checked_optimizer(optimizer)
        bases = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, bases, strict=True):
                set_rate(group, rate)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _SCALED_BY[mode]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = starts_momentum(optimizer, base_momentum, max_momentum, resuming=last_epoch != -1)
            self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = bases

    def scale_fn(self, x: float) -> float:
        """The share of the full swing at cycle or step `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return float(1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma**x)

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        place = 1.0 + self.last_epoch / self.total_size - cycle
        height = place / self.step_ratio if place <= self.step_ratio else (place - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in bounds:
                set_momentum(group, high - (high - low) * height * scale, self.use_beta1)
        return [base + (top - base) * height * scale for base, top in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and a plain function; an object's fields are saved."""
        state = super().state_dict()
        own = self._scale_fn_custom
        state["_scale_fn_custom"] = None if own is None or isinstance(own, types.FunctionType) else dict(vars(own))
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what state_dict gave; a function stays as it is."""
        own = self._scale_fn_custom
        super().load_state_dict(state_dict)
        fields, self._scale_fn_custom = self._scale_fn_custom, own
        if fields is not None:
            vars(own).update(fields)  # type: ignore[call-overload]
