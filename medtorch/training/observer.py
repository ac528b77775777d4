"""What a training tells whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from medtorch.training.log import Record


@dataclass(frozen=True)
class Plan:
    """What is about to happen. `done_batches` were done before, where a training goes on."""

    name: str
    training_cases: int
    held_out_cases: int
    parameters: int
    epochs: int
    batches_per_epoch: int
    done_batches: int


class Observer(Protocol):
    """Called between steps. What it raises ends the training, which can be resumed from its last checkpoint."""

    def started(self, plan: Plan) -> None: ...
    def stepped(self, epoch: int, batch: int, loss: float) -> None: ...
    def validated(self, record: Record, is_best: bool) -> None: ...


class Silent:
    """An observer that says nothing."""

    def started(self, plan: Plan) -> None:
        """Nothing."""

    def stepped(self, epoch: int, batch: int, loss: float) -> None:
        """Nothing."""

    def validated(self, record: Record, is_best: bool) -> None:
        """Nothing."""
