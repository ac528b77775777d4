"""What preprocessing did to the grid of pixels, as data: repeated for masks, undone for predictions.

Records work on arrays whose spatial axes come first and whose channel axis is last.

Requires  REQ-F-DAT-006
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from medtorch.data.resize import resize
from medtorch.data.taps import Interpolation
from medtorch.errors import DataError

Size = tuple[int, ...]
Array = NDArray[Any]


class Record(Protocol):
    """One change of the grid: its sizes before and after, forwards and back."""

    @property
    def before(self) -> Size: ...
    @property
    def after(self) -> Size: ...
    def repeat(self, labels: Array) -> Array: ...
    def undo(self, values: Array, interpolation: Interpolation, fill: float) -> Array: ...
    def original_place(self, place: Array) -> Array: ...


@dataclass(frozen=True)
class Cropped:
    """The part from `start` on, of size `after`; undone by laying it into `fill`."""

    before: Size
    after: Size
    start: Size

    def repeat(self, labels: Array) -> Array:
        part: Array = labels[_box(self.start, self.after)]
        return part

    def undo(self, values: Array, interpolation: Interpolation, fill: float) -> Array:
        whole = np.full((*self.before, values.shape[-1]), fill, values.dtype)
        whole[_box(self.start, self.after)] = values
        return whole

    def original_place(self, place: Array) -> Array:
        return np.add(place, self.start)


@dataclass(frozen=True)
class Padded:
    """Margins around the grid, `start` pixels of them before it; undone by cutting them off. Masks get 0 there."""

    before: Size
    after: Size
    start: Size

    def repeat(self, labels: Array) -> Array:
        whole = np.zeros((*self.after, labels.shape[-1]), labels.dtype)
        whole[_box(self.start, self.before)] = labels
        return whole

    def undo(self, values: Array, interpolation: Interpolation, fill: float) -> Array:
        part: Array = values[_box(self.start, self.before)]
        return part

    def original_place(self, place: Array) -> Array:
        return np.subtract(place, self.start)


@dataclass(frozen=True)
class Resized:
    """A finer or coarser grid over the same field; pixel centres map by (i + 1/2) * before / after - 1/2."""

    before: Size
    after: Size

    def repeat(self, labels: Array) -> Array:
        return resize(labels, self.after, "nearest")

    def undo(self, values: Array, interpolation: Interpolation, fill: float) -> Array:
        return resize(values, self.before, interpolation, antialias=interpolation in ("box", "lanczos"))

    def original_place(self, place: Array) -> Array:
        return np.subtract(np.multiply(place + 0.5, np.divide(self.before, self.after)), 0.5)


@dataclass(frozen=True)
class Geometry:
    """All changes of the grid, in order, from the original image to the model's input.

    Requires  REQ-F-DAT-006
    """

    original: Size
    records: tuple[Record, ...] = ()

    @property
    def size(self) -> Size:
        """The spatial axes of the model's input."""
        return self.records[-1].after if self.records else self.original

    def then(self, record: Record) -> Geometry:
        """The same geometry with one more change."""
        return replace(self, records=(*self.records, record))

    def apply_mask(self, mask: Array) -> Array:
        """Bring a label mask of the original image onto the model's grid: nearest neighbour, 0 in padding."""
        labels = self._checked(mask, self.original)[..., None]
        for record in self.records:
            labels = record.repeat(labels)
        return np.ascontiguousarray(labels[..., 0])

    def undo_mask(self, mask: Array, *, fill: int = 0) -> Array:
        """Bring a predicted label mask back onto the original grid; `fill` is the label of what was cropped away.

        Shapes    size  ->  original
        """
        return self._undo(self._checked(mask, self.size)[..., None], "nearest", fill)[..., 0]

    def undo_scores(self, scores: Array, *, interpolation: Interpolation = "bilinear", fill: float = 0.0) -> Array:
        """Bring scores or probabilities back onto the original grid, interpolating; `fill` where it was cropped away.

        Shapes    (C, *size)  ->  (C, *original)
        """
        values = np.asarray(scores)
        if values.dtype.kind != "f":
            raise DataError(f"undo_scores: scores must be floating point, not {values.dtype}; labels go to undo_mask")
        self._checked(values[0] if values.ndim else values, self.size)
        back = self._undo(np.moveaxis(values, 0, -1), interpolation, fill)
        return np.ascontiguousarray(np.moveaxis(back, -1, 0))

    def original_place(self, place: Sequence[float] | Array) -> NDArray[np.float64]:
        """Where in the original image a place (row, column) of the model's grid lies; pixel centres are whole numbers.

        Shapes    (..., spatial axes)  ->  the same
        """
        result = np.asarray(place, np.float64)
        for record in reversed(self.records):
            result = record.original_place(result)
        return result

    def spacing_mm(self, original_mm: tuple[float, ...] | None) -> tuple[float, ...] | None:
        """Millimetres from pixel to pixel on the model's grid, None where the original's are unknown."""
        if original_mm is None:
            return None
        for record in self.records:
            if isinstance(record, Resized):
                scales = zip(original_mm, record.before, record.after, strict=True)
                original_mm = tuple(mm * before / after for mm, before, after in scales)
        return original_mm

    def _undo(self, values: Array, interpolation: Interpolation, fill: float) -> Array:
        for record in reversed(self.records):
            values = record.undo(values, interpolation, fill)
        return np.ascontiguousarray(values)

    @staticmethod
    def _checked(mask: Array, size: Size) -> Array:
        array = np.asarray(mask)
        if array.shape != size:
            raise DataError(f"Geometry: the grid is {size}, the mask {array.shape}")
        return array


def _box(start: Size, size: Size) -> tuple[slice, ...]:
    return tuple(slice(first, first + length) for first, length in zip(start, size, strict=True))
