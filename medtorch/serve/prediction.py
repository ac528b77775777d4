"""What a bundle says of an image: probabilities and a decision, or a mask on the image's own grid.

Requires  REQ-F-MOD-904
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class ImageFacts:
    """The image that was predicted on.

    Units     size: pixels; spacing_mm: millimetres from pixel to pixel along each axis of `size`, None where unknown
    """

    name: str | None
    sha256: str | None
    size: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "size": list(self.size),
            "spacing_mm": None if self.spacing_mm is None else list(self.spacing_mm),
        }


@dataclass(frozen=True, eq=False)
class Prediction:
    """Common to all predictions: the image, and the digest of the bundle that predicts."""

    image: ImageFacts
    bundle_sha256: str

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Classification(Prediction):
    """One label of several. `probabilities` are in the bundle's order of labels and sum to 1."""

    label: str
    probabilities: Mapping[str, float]

    @property
    def probability(self) -> float:
        """That of the answer."""
        return self.probabilities[self.label]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"image": self.image.to_json(), "label": self.label, "probabilities": dict(self.probabilities)}


@dataclass(frozen=True, eq=False)
class Findings(Prediction):
    """Every label that holds, possibly none."""

    labels: tuple[str, ...]
    probabilities: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"image": self.image.to_json(), "labels": list(self.labels), "probabilities": dict(self.probabilities)}


@dataclass(frozen=True)
class Region:
    """What of the image has a label.

    Units     area_mm2 for a picture, volume_mm3 for a volume; both None where the spacing is not known
    """

    label: str
    pixels: int
    fraction: float
    area_mm2: float | None = None
    volume_mm3: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "label": self.label,
            "pixels": self.pixels,
            "fraction": self.fraction,
            "area_mm2": self.area_mm2,
            "volume_mm3": self.volume_mm3,
        }


@dataclass(frozen=True, eq=False)
class Segmentation(Prediction):
    """A label for each pixel of the original image.

    Shapes    mask: image.size, the place of each pixel's label in `labels`;  probabilities: (labels, *image.size)
    Undefined probabilities are 0 for every label where preprocessing cropped the image away; the mask has label 0 there
    """

    labels: tuple[str, ...]
    mask: Array
    probabilities: NDArray[np.float32]

    @property
    def regions(self) -> tuple[Region, ...]:
        """Each label's share of the image."""
        return regions_of(self.mask, self.labels, self.image.spacing_mm)

    def to_json(self) -> dict[str, Any]:
        """As plain data, without the pixels."""
        return {
            "image": self.image.to_json(),
            "regions": [region.to_json() for region in self.regions],
        }


def regions_of(mask: Array, labels: tuple[str, ...], spacing_mm: tuple[float, ...] | None) -> tuple[Region, ...]:
    """Count the pixels of each label; in millimetres too where the spacing is known."""
    counts = np.bincount(mask.reshape(-1), minlength=len(labels))
    unit = None if spacing_mm is None else math.prod(spacing_mm)
    return tuple(
        Region(
            label=label,
            pixels=int(count),
            fraction=float(count / mask.size),
            area_mm2=float(count) * unit if unit is not None and mask.ndim == 2 else None,
            volume_mm3=float(count) * unit if unit is not None and mask.ndim == 3 else None,
        )
        for label, count in zip(labels, counts, strict=True)
    )
