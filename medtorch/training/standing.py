"""How far a training is, and which of its epochs was best. Part of every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from medtorch.training.measures import MEASURES


@dataclass
class Standing:
    """The next batch to do, the epoch's loss so far, what was measured, and the best of it."""

    epoch: int = 1
    batch: int = 0
    loss_sum: float = 0.0
    loss_samples: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    best_value: float | None = None
    validations_since_best: int = 0

    @property
    def mean_loss(self) -> float:
        """Of the samples of this epoch."""
        return self.loss_sum / self.loss_samples

    def count(self, loss: float, samples: int) -> None:
        """One batch more."""
        self.batch += 1
        self.loss_sum += loss * samples
        self.loss_samples += samples

    def next_epoch(self) -> None:
        """The epoch is over."""
        self.epoch, self.batch, self.loss_sum, self.loss_samples = self.epoch + 1, 0, 0.0, 0

    def judge(self, record: dict[str, Any], measure: str) -> bool:
        """Whether the record is the best so far; one without the measure was not validated and is not judged."""
        if measure not in record:
            return False
        value, higher = record[measure], MEASURES[measure].higher_is_better
        better = value is not None and (
            self.best_value is None or (value > self.best_value if higher else value < self.best_value)
        )
        if better:
            self.best_epoch, self.best_value, self.validations_since_best = record["epoch"], value, 0
        else:
            self.validations_since_best += 1
        return better

    def is_stale(self, patience: int | None) -> bool:
        """Whether so many validations brought nothing better."""
        return patience is not None and self.validations_since_best >= patience
