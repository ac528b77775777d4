"""Schedules made of schedules: one after the other, or all at once.

Source    semantics of torch.optim.lr_scheduler.SequentialLR, ChainedScheduler
Requires  REQ-F-OPT-005
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from medtorch.errors import ArgumentError
from medtorch.optim.lr_scheduler.base import LRScheduler, set_rate
from medtorch.optim.lr_scheduler.plateau import ReduceLROnPlateau
from medtorch.optim.optimizer import Optimizer


class _Combined(LRScheduler):
    _schedulers: list[LRScheduler]

    def _take(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        name = type(self).__name__
        if not schedulers:
            raise ArgumentError(f"{name} expects at least one scheduler, but got no scheduler.")
        self.optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        for nr, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ArgumentError(
                    f"{name} does not support `ReduceLROnPlateau`, whose step needs a metric; got one at index {nr}"
                )
            if scheduler.optimizer is not self.optimizer:
                raise ArgumentError(
                    f"{name} expects all schedulers to belong to the same optimizer; the one at index {nr} does not"
                )
        self._schedulers = list(schedulers)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, with the states of the schedulers."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what state_dict gave."""
        own = self._schedulers
        super().load_state_dict(state_dict)
        states, self._schedulers = self._schedulers, own
        for scheduler, state in zip(own, states, strict=True):
            scheduler.load_state_dict(state)  # type: ignore[arg-type]


class SequentialLR(_Combined):
    """One schedule after the other, changing at the milestones, each starting at its own epoch 0.

    Raises    ArgumentError unless there is one milestone fewer than schedules
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        self._take(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                f"SequentialLR expects one milestone fewer than schedulers, got {len(milestones)} for {len(schedulers)}"
            )
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:
            set_rate(group, group["initial_lr"])
        for scheduler in self._schedulers:  # each has made its first step; only one is to begin
            _undo_first_step(scheduler)
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self, epoch: Any = None) -> None:
        """Go to the next epoch. Raises ArgumentError for an epoch by number."""
        if epoch is not None:
            raise ArgumentError("SequentialLR.step takes no epoch")
        self.last_epoch += 1
        nr = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[nr]
        if nr > 0 and self._milestones[nr - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo_first_step(scheduler: LRScheduler) -> None:
    if isinstance(scheduler, _Combined):
        for inside in scheduler._schedulers:
            _undo_first_step(inside)
    else:
        scheduler.last_epoch -= 1


class ChainedScheduler(_Combined):
    """All schedules at once, each multiplying what the one before left."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._take(schedulers, optimizer)
        self._last_lr = self._rates()

    def step(self, epoch: Any = None) -> None:
        """One step of each. Raises ArgumentError for an epoch by number."""
        if epoch is not None:
            raise ArgumentError("ChainedScheduler.step takes no epoch")
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._rates()
