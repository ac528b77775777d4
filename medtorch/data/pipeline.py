"""Preprocessing described as data: from an image to a model's input, and the way back for predictions.

Requires  REQ-F-DAT-005, REQ-F-DAT-006
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.data.geometry import Array, Geometry
from medtorch.data.image import Image, as_image
from medtorch.data.picture import Picture
from medtorch.data.steps import STEPS, Step, describe_steps, parse_steps
from medtorch.errors import DataError


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model's input and how its grid lies on the original image.

    Shapes    array: (C, H, W) or (C, D, H, W), contiguous
    Units     spacing_mm: millimetres from pixel to pixel on the model's grid, None where unknown
    """

    array: Array
    geometry: Geometry
    spacing_mm: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Pipeline:
    """Steps in order, applied to an image; the same list as plain data lies in a bundle.

    Requires  REQ-F-DAT-005
    """

    steps: tuple[Step, ...] = ()

    @classmethod
    def parse(cls, description: object) -> Pipeline:
        """Build from a list of {"op": name, ...} mappings, as YAML or JSON give it.

        Raises    ConfigError for anything unknown or contradicting
        """
        return cls(parse_steps(description, STEPS))

    def describe(self) -> list[dict[str, Any]]:
        """The steps as plain data, every argument written out; `parse` takes it back."""
        return describe_steps(self.steps, STEPS)

    def __call__(self, image: Image | Array, *, region: Array | None = None) -> Prepared:
        """Prepare one image; `region` (a mask on the image's grid) is what crop_to_region asks for.

        Shapes    image: (H, W, C) or (D, H, W, C)  ->  (C, H', W') or (C, D', H', W')
        """
        source = as_image(image)
        if region is not None and np.asarray(region).shape != source.size:
            raise DataError(f"Pipeline: the image is {source.size}, its region {np.asarray(region).shape}")
        mask = None if region is None else np.asarray(region) != 0
        picture = Picture(source.array, Geometry(source.size), mask)
        for step in self.steps:
            picture = step(picture)
        array = np.ascontiguousarray(np.moveaxis(picture.array, -1, 0))
        return Prepared(array, picture.geometry, picture.geometry.spacing_mm(source.spacing_mm))
