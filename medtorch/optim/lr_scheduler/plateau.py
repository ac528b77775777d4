"""A schedule that waits for a metric to stop getting better.

Source    semantics of torch.optim.lr_scheduler.ReduceLROnPlateau
Requires  REQ-F-OPT-005
"""

from __future__ import annotations

import math
from typing import Any

from medtorch.errors import ArgumentError
from medtorch.optim.lr_scheduler.base import LRScheduler, checked_optimizer, per_group, set_rate
from medtorch.optim.optimizer import Optimizer, number


class ReduceLROnPlateau(LRScheduler):
    """Times `factor`, not below `min_lr`, when the metric was not better for more than `patience` epochs.

    Math      better, for "min": a < best (1 - threshold) ("rel") or best - threshold ("abs"); for "max" mirrored
    Undefined a nan metric is never better
    Raises    ArgumentError for a factor of 1 or more, or an unknown mode
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ArgumentError("Factor should be < 1.0.")
        if mode not in ("min", "max"):
            raise ArgumentError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ArgumentError(f"threshold mode {threshold_mode} is unknown!")
        self.optimizer = checked_optimizer(optimizer)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.min_lrs: list[float] = per_group("min_lr", optimizer, min_lr)
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.last_epoch = 0
        self._last_lr = self._rates()
        self.best, self.cooldown_counter, self.num_bad_epochs = self.mode_worse, 0, 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Look at the metric of one epoch more, or of `epoch`."""
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current, self.best):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._rates()

    @property
    def in_cooldown(self) -> bool:
        """Whether bad epochs do not count, as the rate was just reduced."""
        return self.cooldown_counter > 0

    def _reduce(self) -> None:
        if len(self.min_lrs) != len(self.optimizer.param_groups):
            if self.default_min_lr is None:
                raise ArgumentError(
                    f"ReduceLROnPlateau: {len(self.min_lrs)} min_lrs for "
                    f"{len(self.optimizer.param_groups)} param groups; a group was added since"
                )
            self.min_lrs = per_group("min_lr", self.optimizer, self.default_min_lr)
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            rate = number(group["lr"])
            reduced = max(rate * self.factor, least)
            if rate - reduced > self.eps:
                set_rate(group, reduced)

    def _is_better(self, a: float, best: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        bar = best * (1.0 + sign * self.threshold) if self.threshold_mode == "rel" else best + sign * self.threshold
        return a < bar if self.mode == "min" else a > bar
