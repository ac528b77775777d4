"""Load one batch: the work that a loader does itself or gives to a worker.

Requires  REQ-F-DAT-010
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.data.dataset import sample_of


@dataclass(frozen=True)
class Task:
    """One batch to load. `first` is the place of its first sample in the epoch.

    `batched` is False where the loader makes no batches: then `indices` is one sample number.
    """

    batch: int
    epoch_seed: int
    first: int
    indices: Any
    batched: bool

    @property
    def samples(self) -> int:
        """How many samples the task loads."""
        return len(self.indices) if self.batched else 1


def fetch(task: Task, dataset: Any, collate: Callable[[Any], Any]) -> Any:
    """Load and collate. Random samples draw from a generator of (epoch seed, place), in any process."""
    if not task.batched:
        return collate(sample_of(dataset, task.indices, sample_generator(task.epoch_seed, task.first)))
    samples = [
        sample_of(dataset, index, sample_generator(task.epoch_seed, task.first + offset))
        for offset, index in enumerate(task.indices)
    ]
    return collate(samples)


def sample_generator(epoch_seed: int, place: int) -> np.random.Generator:
    """The random numbers of one sample."""
    return np.random.Generator(np.random.Philox(key=[epoch_seed, place]))
