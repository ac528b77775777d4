"""Preprocessing steps that change numbers and channels and leave the grid alone.

Arithmetic is float32, one operation at a time, as torchvision's on tensors: the results are bit-equal.

Requires  REQ-F-DAT-005
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medtorch.data import checks
from medtorch.data.geometry import Array
from medtorch.data.picture import Picture
from medtorch.errors import DataError

# ITU-R 601-2 luma in 1/65536, as Pillow's convert("L"): L = (19595 R + 38470 G + 7471 B + 32768) >> 16.
_LUMA = np.array([19595, 38470, 7471], np.int64)
_LUMA_FLOAT = np.array([0.299, 0.587, 0.114])
_FULL_SCALE = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


@dataclass(frozen=True)
class ToRgb:
    """Three channels: grey is repeated, colour stays."""

    def __call__(self, picture: Picture) -> Picture:
        if picture.array.shape[-1] == 3:
            return picture
        if picture.array.shape[-1] != 1:
            raise DataError(f"to_rgb: an image with {picture.array.shape[-1]} channels")
        return picture.with_values(np.repeat(picture.array, 3, axis=-1))


@dataclass(frozen=True)
class Grayscale:
    """Luma of red, green and blue; whole numbers in Pillow's integer arithmetic. One grey channel stays.

    Math      (19595 R + 38470 G + 7471 B + 32768) >> 16, or 0.299 R + 0.587 G + 0.114 B for floating point
    Source    ITU-R BT.601; Pillow's Image.convert("L")
    """

    channels: int = 1

    def __post_init__(self) -> None:
        checks.one_of("grayscale", "channels", self.channels, (1, 3))

    def __call__(self, picture: Picture) -> Picture:
        grey = _luma(picture.array)
        return picture.with_values(grey if self.channels == 1 else np.repeat(grey, 3, axis=-1))


def _luma(array: Array) -> Array:
    if array.shape[-1] == 1:
        return array
    if array.shape[-1] != 3:
        raise DataError(f"grayscale: an image with {array.shape[-1]} channels")
    if array.dtype.kind == "f":
        grey: Array = np.sum(array * _LUMA_FLOAT, axis=-1, keepdims=True)
    else:
        grey = (np.sum(array.astype(np.int64) * _LUMA, axis=-1, keepdims=True) + 32768) >> 16
    return grey.astype(array.dtype, copy=False)


@dataclass(frozen=True)
class ToFloat:
    """float32, divided by the largest number of the dtype (255, 65535) or by `divisor`; floats only change dtype.

    Source    semantics of torchvision.transforms.ToTensor
    """

    divisor: float | None = None

    def __post_init__(self) -> None:
        if self.divisor is not None:
            checks.positive("to_float", "divisor", self.divisor)

    def __call__(self, picture: Picture) -> Picture:
        array = picture.array
        divisor = self.divisor
        if divisor is None and array.dtype.kind != "f":
            if array.dtype not in _FULL_SCALE:
                raise DataError(f"to_float: the full scale of {array.dtype} is not known: give a divisor")
            divisor = _FULL_SCALE[array.dtype]
        values = array.astype(np.float32)
        return picture.with_values(values if divisor is None else values / np.float32(divisor))


@dataclass(frozen=True)
class Normalize:
    """Subtract a mean and divide by a deviation, one number a channel or one for all.

    Math      (v - mean) / std
    Source    semantics of torchvision.transforms.Normalize
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        checks.numbers("normalize", "mean", self.mean)
        for part in checks.numbers("normalize", "std", self.std):
            checks.positive("normalize", "std", part)

    def __call__(self, picture: Picture) -> Picture:
        array = _floating("normalize", picture.array)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, array.shape[-1]):
                raise DataError(f"normalize: {len(values)} numbers of {name} for {array.shape[-1]} channels")
        return picture.with_values((array - np.array(self.mean, np.float32)) / np.array(self.std, np.float32))


@dataclass(frozen=True)
class Standardize:
    """Subtract the image's own mean and divide by its own deviation (over all pixels and channels).

    Math      (v - mean v) / std v, std with 1/n, both in float64
    """

    def __call__(self, picture: Picture) -> Picture:
        array = picture.array
        mean, deviation = float(array.mean(dtype=np.float64)), float(array.std(dtype=np.float64))
        if deviation == 0.0:
            raise DataError("standardize: every pixel has the same value, its deviation is 0")
        return picture.with_values((array.astype(np.float32) - np.float32(mean)) / np.float32(deviation))


@dataclass(frozen=True)
class ScaleQuantiles:
    """Map the image's own quantiles `low` and `high` to 0 and 1; values beyond stay unless `clip`.

    Math      (v - q_low) / (q_high - q_low), quantiles by linear interpolation over all pixels and channels
    """

    low: float = 0.01
    high: float = 0.99
    clip: bool = False

    def __post_init__(self) -> None:
        checks.interval("scale_quantiles", "low and high", (self.low, self.high), low=0.0, high=1.0)
        checks.flag("scale_quantiles", "clip", self.clip)

    def __call__(self, picture: Picture) -> Picture:
        low, high = np.quantile(picture.array, [self.low, self.high])
        if low == high:
            raise DataError(f"scale_quantiles: the quantiles {self.low:g} and {self.high:g} are both {low:g}")
        return picture.with_values(_between(picture.array, float(low), float(high), self.clip))


@dataclass(frozen=True)
class ScaleRange:
    """Map two given values to 0 and 1: an intensity window; values beyond stay unless `clip`.

    Math      (v - low) / (high - low)
    """

    low: float
    high: float
    clip: bool = True

    def __post_init__(self) -> None:
        checks.interval("scale_range", "low and high", (self.low, self.high))
        checks.positive("scale_range", "high - low", self.high - self.low)
        checks.flag("scale_range", "clip", self.clip)

    def __call__(self, picture: Picture) -> Picture:
        return picture.with_values(_between(picture.array, self.low, self.high, self.clip))


@dataclass(frozen=True)
class Clip:
    """Bring values below `low` to it, and above `high` to that."""

    low: float
    high: float

    def __post_init__(self) -> None:
        checks.interval("clip", "low and high", (self.low, self.high))

    def __call__(self, picture: Picture) -> Picture:
        array = _floating("clip", picture.array)
        return picture.with_values(np.clip(array, np.float32(self.low), np.float32(self.high)))


def _between(array: Array, low: float, high: float, clip: bool) -> NDArray[np.float32]:
    base = np.float32(low)
    scaled = (array.astype(np.float32) - base) / (np.float32(high) - base)
    return np.clip(scaled, np.float32(0.0), np.float32(1.0)) if clip else scaled


def _floating(step: str, array: Array) -> NDArray[np.float32]:
    if array.dtype != np.float32:
        raise DataError(f"{step}: the image must be float32 by now, it is {array.dtype}: put to_float before")
    return array
