"""Image files as a data set: read, augmented, prepared; with a class each, or a label mask each.

Requires  REQ-F-DAT-009
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.data.augment import Augmentation
from medtorch.data.dataset import Dataset
from medtorch.data.image import Image
from medtorch.data.pipeline import Pipeline, Prepared
from medtorch.data.read import read
from medtorch.errors import DataError

Array = NDArray[Any]
PathLike = str | os.PathLike[str]


class ImageClasses(Dataset[tuple[Array, int]]):
    """Images with a class number each.

    `read_options` go to `medtorch.data.read`. Without `sample`'s generator (plain indexing) nothing is augmented.

    Shapes    a sample: (C, H, W) as the pipeline gives it, class number
    """

    def __init__(
        self,
        paths: Sequence[PathLike],
        classes: Sequence[int],
        pipeline: Pipeline,
        augmentation: Augmentation | None = None,
        read_options: Mapping[str, Any] | None = None,
    ) -> None:
        if len(paths) != len(classes):
            raise DataError(f"ImageClasses: {len(paths)} images with {len(classes)} classes")
        self.paths, self.classes, self.pipeline = list(paths), [int(number) for number in classes], pipeline
        self.augmentation, self.read_options = augmentation, dict(read_options or {})

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Array, int]:
        return self._prepared(index, None).array, self.classes[index]

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Array, int]:
        return self._prepared(index, rng).array, self.classes[index]

    def _prepared(self, index: int, rng: np.random.Generator | None) -> Prepared:
        image = read(self.paths[index], **self.read_options)
        if self.augmentation is None or rng is None:
            return self.pipeline(image)
        return self.pipeline(self.augmentation(image.array, None, rng)[0])


class ImageMasks(Dataset[tuple[Array, Array]]):
    """Images with a label mask each; image and mask are changed and brought onto the model's grid together.

    `labels` maps numbers in the mask files to class numbers, with "other" for all that are not named; without it the
    numbers are the classes.

    Shapes    a sample: (C, H, W) as the pipeline gives it, (H, W) int64
    Raises    DataError for a mask of another size than its image, of several channels, or with a number not in `labels`
    """

    def __init__(
        self,
        paths: Sequence[PathLike],
        mask_paths: Sequence[PathLike],
        pipeline: Pipeline,
        augmentation: Augmentation | None = None,
        read_options: Mapping[str, Any] | None = None,
        mask_options: Mapping[str, Any] | None = None,
        labels: Mapping[int | str, int] | None = None,
    ) -> None:
        if len(paths) != len(mask_paths):
            raise DataError(f"ImageMasks: {len(paths)} images with {len(mask_paths)} masks")
        self.paths, self.mask_paths, self.pipeline = list(paths), list(mask_paths), pipeline
        self.augmentation, self.labels = augmentation, dict(labels) if labels is not None else None
        self.read_options, self.mask_options = dict(read_options or {}), dict(mask_options or {})

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        return self._prepared(*self._pair(index))

    def sample(self, index: int, rng: np.random.Generator) -> tuple[Array, Array]:
        image, mask = self._pair(index)
        if self.augmentation is None:
            return self._prepared(image, mask)
        changed, changed_mask = self.augmentation(image.array, mask, rng)
        if changed_mask is None:
            raise DataError("ImageMasks: the augmentation lost the mask")
        return self._prepared(changed, changed_mask)

    def _pair(self, index: int) -> tuple[Image, Array]:
        image = read(self.paths[index], **self.read_options)
        stored = read(self.mask_paths[index], **self.mask_options)
        if stored.channels != 1 or stored.size != image.size:
            raise DataError(
                f"{self.mask_paths[index]}: a mask must have one channel and the image's size {image.size}, "
                f"not {stored.channels} and {stored.size}"
            )
        return image, self._classes(stored.array[..., 0], index)

    def _classes(self, numbers: Array, index: int) -> Array:
        if self.labels is None:
            return numbers.astype(np.int64)
        present, places = np.unique(numbers, return_inverse=True)
        found = []
        for number in present.tolist():
            if number not in self.labels and "other" not in self.labels:
                raise DataError(f"{self.mask_paths[index]}: the mask holds {number}, which labels do not name")
            found.append(self.labels.get(number, self.labels.get("other", 0)))
        return np.array(found, np.int64)[places].reshape(numbers.shape)

    def _prepared(self, image: Image | Array, mask: Array) -> tuple[Array, Array]:
        prepared = self.pipeline(image)
        return prepared.array, prepared.geometry.apply_mask(mask)
