"""An image in memory: pixels as numbers, and what is known about where they came from.

The channel axis is always there and always last: (H, W, C) for a picture, (D, H, W, C) for a volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.errors import DataError

Array = NDArray[Any]


@dataclass(frozen=True)
class Orientation:
    """How the stored rows and columns lie in the world.

    `exif` is the value that the file holds (1 when it holds none), `exif_applied` says whether the array is turned as
    it is meant to be seen. `cosines` are DICOM's direction cosines of a row and of a column (patient axes, LPS).
    """

    exif: int = 1
    exif_applied: bool = True
    cosines: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Source:
    """Where an image was read from and everything that reading changed, for the record.

    `mode` and `bits` are the file's own way to store a pixel; `conversions` says in words what was done to get
    the array.
    """

    name: str
    format: str
    sha256: str
    mode: str
    bits: int
    frame: int = 0
    conversions: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels with their spacing, orientation and origin.

    Shapes    array: (H, W, C), or (D, H, W, C) for a volume
    Units     spacing_mm: millimetres from pixel to pixel along each spatial axis of the array, in its order; None where
              the file does not say (a resolution in dots per inch is not a spacing in the patient)
    Requires  REQ-F-DAT-001
    """

    array: Array
    spacing_mm: tuple[float, ...] | None = None
    orientation: Orientation = Orientation()
    modality: str | None = None
    affine: Array | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        if self.array.ndim not in (3, 4):
            raise DataError(f"Image: the array must be (H, W, C) or (D, H, W, C), not {self.array.shape}")
        if 0 in self.array.shape:
            raise DataError(f"Image: an axis of the array is empty: {self.array.shape}")
        if self.array.dtype.kind not in "uif":
            raise DataError(f"Image: the array must hold numbers, not {self.array.dtype}")
        if self.spacing_mm is not None and len(self.spacing_mm) != self.array.ndim - 1:
            raise DataError(f"Image: {len(self.spacing_mm)} spacings for {self.array.ndim - 1} spatial axes")

    @property
    def size(self) -> tuple[int, ...]:
        """The spatial axes alone: (H, W) or (D, H, W)."""
        return self.array.shape[:-1]

    @property
    def channels(self) -> int:
        """Numbers a pixel."""
        return int(self.array.shape[-1])


def as_image(value: Image | Array) -> Image:
    """Take an Image as it is, or wrap an array whose channel axis is last; (H, W) becomes (H, W, 1)."""
    if isinstance(value, Image):
        return value
    array = np.asarray(value)
    return Image(array[:, :, None] if array.ndim == 2 else array)
