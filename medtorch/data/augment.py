"""Random changes of an image and its mask together, for training: flips, turns, small shifts, crops, light, noise.

Each is called with (image, mask, rng) and gives (image, mask). The image is (H, W, C), the mask (H, W) label numbers or
None. Everything random comes from `rng`; the number of draws does not depend on what they decide, so that one step
never shifts the numbers of the next.

Requires  REQ-F-DAT-014
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.data import checks
from medtorch.data.steps import describe_steps, parse_steps
from medtorch.data.warp import warp
from medtorch.errors import DataError

Array = NDArray[Any]
Pair = tuple[Array, Array | None]


@dataclass(frozen=True)
class RandomFlip:
    """Mirror left to right and top to bottom, each with its own probability."""

    horizontal: float = 0.5
    vertical: float = 0.0

    def __post_init__(self) -> None:
        checks.number("random_flip", "horizontal", self.horizontal, low=0.0, high=1.0)
        checks.number("random_flip", "vertical", self.vertical, low=0.0, high=1.0)

    def __call__(self, image: Array, mask: Array | None, rng: np.random.Generator) -> Pair:
        sideways, upside_down = rng.random(2) < (self.horizontal, self.vertical)
        rows, columns = slice(None, None, -1 if upside_down else 1), slice(None, None, -1 if sideways else 1)
        return image[rows, columns], None if mask is None else mask[rows, columns]


@dataclass(frozen=True)
class RandomRotate90:
    """Turn by 0, 90, 180 or 270 degrees, each equally likely."""

    def __call__(self, image: Array, mask: Array | None, rng: np.random.Generator) -> Pair:
        turns = int(rng.random() * 4)
        return np.rot90(image, turns), None if mask is None else np.rot90(mask, turns)


@dataclass(frozen=True)
class RandomAffine:
    """Turn, scale and shift about the centre, each drawn uniformly: bilinear for the image, nearest for the mask.

    Units     degrees: largest turn either way; scale: [low, high]; shift: largest shift as a share of the side
    """

    degrees: float = 10.0
    scale: tuple[float, ...] = (0.9, 1.1)
    shift: float = 0.05
    fill: float = 0.0
    mask_fill: int = 0

    def __post_init__(self) -> None:
        checks.number("random_affine", "degrees", self.degrees, low=0.0, high=180.0)
        checks.positive("random_affine", "scale", checks.interval("random_affine", "scale", self.scale)[0])
        checks.number("random_affine", "shift", self.shift, low=0.0, high=1.0)
        checks.number("random_affine", "fill", self.fill)
        checks.whole("random_affine", "mask_fill", self.mask_fill, least=0)

    def __call__(self, image: Array, mask: Array | None, rng: np.random.Generator) -> Pair:
        turn, size, down, right = rng.random(4)
        angle = math.radians((2.0 * turn - 1.0) * self.degrees)
        zoom = self.scale[0] + size * (self.scale[1] - self.scale[0])
        height, width = image.shape[:2]
        shift = ((2.0 * down - 1.0) * self.shift * height, (2.0 * right - 1.0) * self.shift * width)
        moved = warp(image, angle, zoom, shift, "bilinear", self.fill)
        if mask is None:
            return moved, None
        return moved, warp(mask[..., None], angle, zoom, shift, "nearest", self.mask_fill)[..., 0]


@dataclass(frozen=True)
class RandomCrop:
    """A box of a given size from a random place; an image that is too small is refused."""

    size: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(checks.wholes("random_crop", "size", self.size, least=1)) != 2:
            checks.one_of("random_crop", "number of sides", len(self.size), (2,))

    def __call__(self, image: Array, mask: Array | None, rng: np.random.Generator) -> Pair:
        room = [have - want for have, want in zip(image.shape[:2], self.size, strict=True)]
        if min(room) < 0:
            raise DataError(f"random_crop: an image of {image.shape[:2]} is smaller than {self.size}")
        top, left = (int(part * (space + 1)) for part, space in zip(rng.random(2), room, strict=True))
        box = slice(top, top + self.size[0]), slice(left, left + self.size[1])
        return image[box], None if mask is None else mask[box]


@dataclass(frozen=True)
class RandomBrightnessContrast:
    """Scale the distance from the image's mean and add an offset, both drawn uniformly.

    Math      mean + contrast (v - mean) + offset * full scale, clipped to the dtype's range (0 to 1 for floats)
    """

    brightness: float = 0.1
    contrast: float = 0.1

    def __post_init__(self) -> None:
        checks.number("random_brightness_contrast", "brightness", self.brightness, low=0.0, high=1.0)
        checks.number("random_brightness_contrast", "contrast", self.contrast, low=0.0, high=1.0)

    def __call__(self, image: Array, mask: Array | None, rng: np.random.Generator) -> Pair:
        light, spread = 2.0 * rng.random(2) - 1.0
        values, full = image.astype(np.float64), _full_scale(image)
        mean = values.mean()
        changed = mean + (1.0 + spread * self.contrast) * (values - mean) + light * self.brightness * full
        return _like(changed, image), mask


@dataclass(frozen=True)
class RandomGamma:
    """Raise to a power whose logarithm is drawn uniformly, on the scale from 0 to 1.

    Math      full scale * (v / full scale) ** gamma
    """

    gamma: tuple[float, ...] = (0.8, 1.25)

    def __post_init__(self) -> None:
        checks.positive("random_gamma", "gamma", checks.interval("random_gamma", "gamma", self.gamma)[0])

    def __call__(self, image: Array, mask: Array | None, rng: np.random.Generator) -> Pair:
        low, high = (math.log(part) for part in self.gamma)
        power = math.exp(low + rng.random() * (high - low))
        full = _full_scale(image)
        return _like(full * np.clip(image.astype(np.float64) / full, 0.0, 1.0) ** power, image), mask


@dataclass(frozen=True)
class GaussianNoise:
    """Add normal noise to each pixel and channel; its deviation is drawn uniformly up to a share of the full scale."""

    std: float = 0.02

    def __post_init__(self) -> None:
        checks.number("gaussian_noise", "std", self.std, low=0.0, high=1.0)

    def __call__(self, image: Array, mask: Array | None, rng: np.random.Generator) -> Pair:
        deviation = rng.random() * self.std * _full_scale(image)
        return _like(image + deviation * rng.standard_normal(image.shape), image), mask


Change = (
    RandomFlip | RandomRotate90 | RandomAffine | RandomCrop | RandomBrightnessContrast | RandomGamma | GaussianNoise
)

CHANGES: dict[str, type[Change]] = {
    "random_flip": RandomFlip,
    "random_rotate90": RandomRotate90,
    "random_affine": RandomAffine,
    "random_crop": RandomCrop,
    "random_brightness_contrast": RandomBrightnessContrast,
    "random_gamma": RandomGamma,
    "gaussian_noise": GaussianNoise,
}


@dataclass(frozen=True)
class Augmentation:
    """Random changes in order; parsed from and described as plain data, like preprocessing.

    Requires  REQ-F-DAT-014
    """

    changes: tuple[Change, ...] = ()

    @classmethod
    def parse(cls, description: object) -> Augmentation:
        """Build from a list of {"op": name, ...} mappings. Raises ConfigError for anything unknown."""
        return cls(parse_steps(description, CHANGES, "augmentation"))

    def describe(self) -> list[dict[str, Any]]:
        """The changes as plain data, every argument written out."""
        return describe_steps(self.changes, CHANGES)

    def __call__(self, image: Array, mask: Array | None, rng: np.random.Generator) -> Pair:
        """Change an image (H, W, C) and its mask (H, W), or None, together."""
        if image.ndim != 3 or (mask is not None and mask.shape != image.shape[:2]):
            shape = None if mask is None else mask.shape
            raise DataError(f"Augmentation: needs an image (H, W, C) and a mask (H, W), not {image.shape} and {shape}")
        for change in self.changes:
            image, mask = change(image, mask, rng)
        return np.ascontiguousarray(image), None if mask is None else np.ascontiguousarray(mask)


def _full_scale(image: Array) -> float:
    return float(np.iinfo(image.dtype).max) if image.dtype.kind in "ui" else 1.0


def _like(values: Array, image: Array) -> Array:
    """Back to the image's dtype, clipped to its range; whole numbers are rounded."""
    if image.dtype.kind in "ui":
        limits = np.iinfo(image.dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(image.dtype)
    return np.clip(values, 0.0, 1.0).astype(image.dtype)
