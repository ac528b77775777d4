"""Training samples: a case's image and target, changed at random.

Every change is drawn from the generator that the loader hands over, which depends on the seed, the epoch and the
sample's place alone: a training that stopped anywhere goes on with the very same batches.

Requires  REQ-F-TRN-003
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medtorch.data import Dataset
from medtorch.errors import DataError
from medtorch.training.cases import Array, Loaded
from medtorch.training.config import TrainingConfig


class Samples(Dataset[tuple[Array, Array]]):
    """Each case several times an epoch, augmented: (image, target) on the model's grid.

    Shapes    (C, H, W), target (H, W) of labels, or () of one label
    """

    def __init__(self, cases: Sequence[Loaded], config: TrainingConfig) -> None:
        self.cases, self.config = cases, config

    def __len__(self) -> int:
        return len(self.cases) * self.config.samples_per_case

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Array, Array]:
        case = self.cases[index % len(self.cases)]
        image, target = self._prepared(case, rng)
        stage = self.config.augmentation.prepared
        if stage.changes:
            moved, changed = stage(np.moveaxis(image, 0, -1), target if target.ndim else None, rng)
            image, target = np.moveaxis(moved, -1, 0), target if changed is None else changed
        return np.ascontiguousarray(image), np.asarray(target, np.int64)

    def _prepared(self, case: Loaded, rng: np.random.Generator) -> tuple[Array, Array]:
        """As it lies in memory, or prepared anew from the changed image."""
        stage = self.config.augmentation.image
        if not stage.changes:
            return case.prepared.array, case.target
        segmenting = case.truth.ndim > 0
        changed, truth = stage(case.image.array, case.truth if segmenting else None, rng)
        prepared = self.config.pipeline(changed)
        if not segmenting:
            return prepared.array, case.target
        if truth is None:
            raise DataError(f"{case.case.image}: the augmentation lost the mask")
        return prepared.array, prepared.geometry.apply_mask(truth)
