"""Preprocessing steps that change the grid: resize, crop, pad. Each leaves a record that can be undone.

Requires  REQ-F-DAT-005, REQ-F-DAT-006
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from medtorch.data import checks
from medtorch.data.geometry import Array, Cropped, Padded, Resized, Size
from medtorch.data.picture import Picture
from medtorch.data.resize import resize
from medtorch.data.taps import INTERPOLATIONS, Interpolation
from medtorch.errors import ConfigError, DataError

PadMode = Literal["constant", "edge", "reflect", "symmetric"]
PAD_MODES = ("constant", "edge", "reflect", "symmetric")


@dataclass(frozen=True)
class Resize:
    """To a fixed size, or (one number) the shorter side to that length with the longer one in proportion.

    Math      the longer side is int(size * longer / shorter); with `max_size` both shrink so that it is not exceeded
    Source    semantics of torchvision.transforms.Resize
    """

    size: int | tuple[int, ...]
    interpolation: Interpolation = "bilinear"
    antialias: bool = True
    max_size: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.size, int):
            checks.whole("resize", "size", self.size, least=1)
        else:
            checks.wholes("resize", "size", self.size, least=1)
        checks.flag("resize", "antialias", self.antialias)
        methods = INTERPOLATIONS if self.antialias else ("nearest", "bilinear", "bicubic")
        checks.one_of("resize", "interpolation", self.interpolation, methods)
        if self.max_size is not None:
            if not isinstance(self.size, int):
                raise ConfigError("resize: max_size goes with one number as size, for the shorter side")
            checks.whole("resize", "max_size", self.max_size, least=self.size + 1)

    def __call__(self, picture: Picture) -> Picture:
        size = self._target(picture.size)
        array = resize(picture.array, size, self.interpolation, antialias=self.antialias)
        return picture.moved(array, Resized(picture.size, size))

    def _target(self, size: Size) -> Size:
        if not isinstance(self.size, int):
            return _fitting("resize", self.size, size)
        shorter = min(size)
        target = [self.size if side == shorter else int(self.size * side / shorter) for side in size]
        longest = max(target)
        if self.max_size is not None and longest > self.max_size:
            target = [self.max_size if side == longest else int(self.max_size * side / longest) for side in target]
        return tuple(target)


@dataclass(frozen=True)
class Crop:
    """The box of `size` from `start` on (row and column first); it must lie inside the image."""

    start: tuple[int, ...]
    size: tuple[int, ...]

    def __post_init__(self) -> None:
        checks.wholes("crop", "start", self.start, least=0)
        checks.wholes("crop", "size", self.size, least=1)

    def __call__(self, picture: Picture) -> Picture:
        start, size = _fitting("crop", self.start, picture.size), _fitting("crop", self.size, picture.size)
        return _cropped("crop", picture, start, size)


@dataclass(frozen=True)
class CenterCrop:
    """The middle of the image; where the image is smaller than `size` it is padded with zeros first.

    Math      the first row is round((rows - size) / 2), halves to even
    Source    semantics of torchvision.transforms.CenterCrop
    """

    size: tuple[int, ...]

    def __post_init__(self) -> None:
        checks.wholes("center_crop", "size", self.size, least=1)

    def __call__(self, picture: Picture) -> Picture:
        size = _fitting("center_crop", self.size, picture.size)
        missing = [max(want - have, 0) for want, have in zip(size, picture.size, strict=True)]
        if any(missing):
            before, after = tuple(part // 2 for part in missing), tuple((part + 1) // 2 for part in missing)
            picture = _padded(picture, before, after, "constant", 0.0)
        start = tuple(round((have - want) / 2) for want, have in zip(size, picture.size, strict=True))
        return _cropped("center_crop", picture, start, size)


@dataclass(frozen=True)
class CropToRegion:
    """The bounding box of the region that is handed over with the image (a field of view, an organ), plus a margin."""

    margin: int = 0

    def __post_init__(self) -> None:
        checks.whole("crop_to_region", "margin", self.margin, least=0)

    def __call__(self, picture: Picture) -> Picture:
        if picture.region is None:
            raise DataError("crop_to_region: no region was handed over with the image")
        return _cropped("crop_to_region", picture, *_bounding_box("crop_to_region", picture.region, self.margin))


@dataclass(frozen=True)
class CropToForeground:
    """The bounding box of all pixels with a channel above `threshold`, plus a margin."""

    threshold: float = 0.0
    margin: int = 0

    def __post_init__(self) -> None:
        checks.number("crop_to_foreground", "threshold", self.threshold)
        checks.whole("crop_to_foreground", "margin", self.margin, least=0)

    def __call__(self, picture: Picture) -> Picture:
        foreground = np.any(picture.array > self.threshold, axis=-1)
        return _cropped("crop_to_foreground", picture, *_bounding_box("crop_to_foreground", foreground, self.margin))


@dataclass(frozen=True)
class Pad:
    """Margins of given widths before and after each spatial axis."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    mode: PadMode = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        checks.wholes("pad", "before", self.before, least=0)
        checks.wholes("pad", "after", self.after, least=0)
        _check_mode("pad", self.mode, self.value)

    def __call__(self, picture: Picture) -> Picture:
        before, after = _fitting("pad", self.before, picture.size), _fitting("pad", self.after, picture.size)
        return _padded(picture, before, after, self.mode, self.value)


@dataclass(frozen=True)
class PadToSize:
    """Margins up to a size; a larger image is refused. `where`: all at the end, or half on each side."""

    size: tuple[int, ...]
    where: Literal["end", "both"] = "both"
    mode: PadMode = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        checks.wholes("pad_to_size", "size", self.size, least=1)
        checks.one_of("pad_to_size", "where", self.where, ("end", "both"))
        _check_mode("pad_to_size", self.mode, self.value)

    def __call__(self, picture: Picture) -> Picture:
        size = _fitting("pad_to_size", self.size, picture.size)
        missing = [want - have for want, have in zip(size, picture.size, strict=True)]
        if min(missing) < 0:
            raise DataError(f"pad_to_size: an image of {picture.size} is larger than {size}")
        return _filled_up(picture, missing, self.where, self.mode, self.value)


@dataclass(frozen=True)
class PadToMultiple:
    """Margins up to the next multiple of a number, for nets that halve their input several times."""

    multiple: int
    where: Literal["end", "both"] = "end"
    mode: PadMode = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        checks.whole("pad_to_multiple", "multiple", self.multiple, least=1)
        checks.one_of("pad_to_multiple", "where", self.where, ("end", "both"))
        _check_mode("pad_to_multiple", self.mode, self.value)

    def __call__(self, picture: Picture) -> Picture:
        return _filled_up(picture, [-side % self.multiple for side in picture.size], self.where, self.mode, self.value)


def _fitting(step: str, values: tuple[int, ...], size: Size) -> Size:
    if len(values) != len(size):
        raise DataError(f"{step}: {len(values)} numbers for an image with {len(size)} spatial axes {size}")
    return tuple(values)


def _cropped(step: str, picture: Picture, start: Size, size: Size) -> Picture:
    ends = [first + length for first, length in zip(start, size, strict=True)]
    if any(end > side for end, side in zip(ends, picture.size, strict=True)):
        raise DataError(f"{step}: a box of {size} from {start} does not lie inside an image of {picture.size}")
    record = Cropped(picture.size, size, start)
    return picture.moved(record.repeat(picture.array), record)


def _bounding_box(step: str, region: Array, margin: int) -> tuple[Size, Size]:
    if not region.any():
        raise DataError(f"{step}: the region is empty")
    start, size = [], []
    for axis, length in enumerate(region.shape):
        others = tuple(other for other in range(region.ndim) if other != axis)
        inside = np.flatnonzero(region.any(axis=others))
        first, last = max(int(inside[0]) - margin, 0), min(int(inside[-1]) + 1 + margin, length)
        start.append(first)
        size.append(last - first)
    return tuple(start), tuple(size)


def _check_mode(step: str, mode: str, value: float) -> None:
    checks.one_of(step, "mode", mode, PAD_MODES)
    checks.number(step, "value", value)
    if mode != "constant" and value != 0.0:
        raise ConfigError(f"{step}: value goes with mode 'constant', not with {mode!r}")


def _filled_up(picture: Picture, missing: list[int], where: str, mode: PadMode, value: float) -> Picture:
    before = tuple(part // 2 if where == "both" else 0 for part in missing)
    after = tuple(part - first for part, first in zip(missing, before, strict=True))
    return _padded(picture, before, after, mode, value)


def _padded(picture: Picture, before: Size, after: Size, mode: PadMode, value: float) -> Picture:
    sides = list(zip(picture.size, before, after, strict=True))
    if mode == "reflect" and any(max(first, last) >= side for side, first, last in sides):
        raise DataError(f"pad: reflect needs margins smaller than the image: {before} and {after} for {picture.size}")
    widths = [(first, last) for _, first, last in sides] + [(0, 0)]
    array = (
        np.pad(picture.array, widths, constant_values=_representable(value, picture.array))
        if mode == "constant"
        else np.pad(picture.array, widths, mode=mode)
    )
    return picture.moved(array, Padded(picture.size, tuple(first + side + last for side, first, last in sides), before))


def _representable(value: float, array: Array) -> Array:
    """The padding value in the image's dtype; a value that it cannot hold is refused, not wrapped."""
    if array.dtype.kind in "ui":
        limits = np.iinfo(array.dtype)
        if value != int(value) or not limits.min <= value <= limits.max:
            raise DataError(f"pad: value {value:g} cannot be held by {array.dtype}")
    return np.asarray(value, array.dtype)
