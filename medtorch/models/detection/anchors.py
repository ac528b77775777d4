"""Boxes of given sizes and shapes around each pixel of each level.

Source    Ren et al., Faster R-CNN, NIPS 2015, section 3.1.1; semantics of
          torchvision.models.detection.anchor_utils.AnchorGenerator
Requires  REQ-F-MOD-035
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medtorch import nn
from medtorch.core.creation import from_numpy
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.detection.transform import ImageList


class AnchorGenerator(nn.Module):
    """One tuple of sizes and one of aspect ratios (height over width) a level; each size comes in each ratio.

    Math      width = size / sqrt(ratio), height = size sqrt(ratio), corners rounded to whole pixels
    Shapes    images, features of each level -> for each image (boxes of all levels, 4)
    Raises    ArgumentError unless there are as many levels as tuples
    """

    def __init__(
        self,
        sizes: Sequence[int | Sequence[int]] = ((128, 256, 512),),
        aspect_ratios: Sequence[float | Sequence[float]] = ((0.5, 1.0, 2.0),),
    ) -> None:
        super().__init__()
        self.sizes = [tuple(s) if isinstance(s, Sequence) else (s,) for s in sizes]
        ratios = [r for r in aspect_ratios if isinstance(r, Sequence)]
        flat = tuple(r for r in aspect_ratios if not isinstance(r, Sequence))
        self.aspect_ratios = [flat] * len(self.sizes) if flat else [tuple(r) for r in ratios]
        if len(self.sizes) != len(self.aspect_ratios):
            raise ArgumentError(
                f"AnchorGenerator: {len(self.sizes)} levels of sizes, {len(self.aspect_ratios)} of aspect_ratios"
            )
        self._cells = [_cell(s, r) for s, r in zip(self.sizes, self.aspect_ratios, strict=True)]

    def num_anchors_per_location(self) -> list[int]:
        """How many boxes each pixel of each level has."""
        return [len(s) * len(r) for s, r in zip(self.sizes, self.aspect_ratios, strict=True)]

    def forward(self, image_list: ImageList, feature_maps: Sequence[Tensor]) -> list[Tensor]:
        if len(feature_maps) != len(self._cells):
            raise ArgumentError(f"AnchorGenerator: has sizes of {len(self._cells)} levels, got {len(feature_maps)}")
        height, width = image_list.tensors.shape[-2:]
        first = feature_maps[0]
        levels = []
        for cell, features in zip(self._cells, feature_maps, strict=True):
            rows, columns = features.shape[-2:]
            y, x = np.divmod(np.arange(rows * columns), columns)
            y, x = y * (height // rows), x * (width // columns)
            levels.append((np.stack((x, y, x, y), 1)[:, None] + cell).reshape(-1, 4))
        anchors = from_numpy(np.concatenate(levels)).to(device=first.device, dtype=first.dtype)
        return [anchors] * len(image_list.image_sizes)


def _cell(sizes: Sequence[int], ratios: Sequence[float]) -> np.ndarray:
    high = np.sqrt(np.asarray(ratios, np.float32))
    wide = (1 / high)[:, None] * np.asarray(sizes, np.float32)
    tall = high[:, None] * np.asarray(sizes, np.float32)
    corners = np.stack((-wide.ravel(), -tall.ravel(), wide.ravel(), tall.ravel()), 1) / 2
    return np.round(corners).astype(np.float64)
