"""Counts that add up: what metrics are formulas of. Counts of parts, added, are the counts of the whole, exactly.

Every field may have leading axes (cases, resamples); formulas work on the last ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from medtorch.errors import ShapeError
from medtorch.metrics.arrays import Array, as_array, check_classes, pair_of_labels


class Counts(Protocol):
    """What a streaming metric keeps, one row a case along the first axis."""

    def __len__(self) -> int: ...
    def joined(self, other: Self) -> Self: ...
    def total(self) -> Self: ...
    def weighted(self, weights: NDArray[np.float64]) -> Self: ...


@dataclass(frozen=True, eq=False)
class ConfusionCounts:
    """How often class t was taken for class p.

    Shapes    matrix: (..., C, C), truth before prediction
    """

    matrix: Array

    def __len__(self) -> int:
        return len(self.matrix)

    def __add__(self, other: Self) -> Self:
        return type(self)(_added("ConfusionCounts", self.matrix, other.matrix))

    def joined(self, other: Self) -> Self:
        """Cases of both, one after the other."""
        return type(self)(np.concatenate([self.matrix, other.matrix]))

    def total(self) -> Self:
        """All cases added up."""
        return type(self)(self.matrix.sum(axis=0))

    def weighted(self, weights: NDArray[np.float64]) -> Self:
        """Weighted sums of the cases. Shapes weights: (B, cases) -> matrix: (B, C, C)."""
        return type(self)(_weighted(weights, self.matrix))


@dataclass(frozen=True, eq=False)
class OverlapCounts:
    """For each class: elements in prediction and truth, in the prediction, in the truth.

    Shapes    (..., C) each
    """

    intersection: Array
    prediction: Array
    truth: Array

    def __len__(self) -> int:
        return len(self.intersection)

    def __add__(self, other: Self) -> Self:
        pairs = zip(self._fields(), other._fields(), strict=True)
        return type(self)(*(_added("OverlapCounts", mine, theirs) for mine, theirs in pairs))

    def joined(self, other: Self) -> Self:
        """Cases of both, one after the other."""
        return type(self)(*(np.concatenate(pair) for pair in zip(self._fields(), other._fields(), strict=True)))

    def total(self) -> Self:
        """All cases added up."""
        return type(self)(*(field.sum(axis=0) for field in self._fields()))

    def weighted(self, weights: NDArray[np.float64]) -> Self:
        """Weighted sums of the cases. Shapes weights: (B, cases) -> (B, C)."""
        return type(self)(*(_weighted(weights, field) for field in self._fields()))

    def _fields(self) -> tuple[Array, Array, Array]:
        return self.intersection, self.prediction, self.truth


@dataclass(frozen=True, eq=False)
class MeanCounts:
    """Sums of defined values, and how many there were.

    Shapes    (..., K) each
    """

    sum: Array
    defined: Array

    def __len__(self) -> int:
        return len(self.sum)

    def joined(self, other: Self) -> Self:
        """Cases of both, one after the other."""
        return type(self)(np.concatenate([self.sum, other.sum]), np.concatenate([self.defined, other.defined]))

    def total(self) -> Self:
        """All cases added up, the sums rounded once: the order of cases does not matter."""
        rows = self.sum.reshape(len(self.sum), -1)
        sums = [math.fsum(rows[:, column]) for column in range(rows.shape[1])]
        return type(self)(np.reshape(sums, self.sum.shape[1:]), self.defined.sum(axis=0))

    def weighted(self, weights: NDArray[np.float64]) -> Self:
        """Weighted sums of the cases. Shapes weights: (B, cases) -> (B, K)."""
        return type(self)(_weighted(weights, self.sum), _weighted(weights, self.defined))


def confusion_counts(
    prediction: Any,
    truth: Any,
    *,
    num_classes: int,
    ignore_index: int | None = None,
    per_case: bool = False,
    metric: str = "confusion_counts",
) -> ConfusionCounts:
    """Count pairs of classes; elements whose truth is `ignore_index` are left out.

    Shapes    prediction, truth: any, the same  ->  matrix (C, C); with `per_case` (N, C, C), N the first axis
    """
    found, right = pair_of_labels(metric, prediction, truth, num_classes)
    cases = len(right) if per_case else 1
    found, right = found.reshape(cases, -1), right.reshape(cases, -1)
    first = np.arange(cases)[:, None] * num_classes  # the row of each case's first class, all matrices stacked
    if ignore_index is not None:
        kept = right != ignore_index
        found, right, first = found[kept], right[kept], np.broadcast_to(first, kept.shape)[kept]
    check_classes(metric, "prediction", found, num_classes)
    check_classes(metric, "truth", right, num_classes)
    places = (first + right) * num_classes + found
    matrix = np.bincount(places.ravel(), minlength=cases * num_classes**2).reshape(cases, num_classes, num_classes)
    return ConfusionCounts(matrix if per_case else matrix[0])


def overlap_counts(
    prediction: Any,
    truth: Any,
    *,
    num_classes: int,
    ignore_index: int | None = None,
    per_case: bool = False,
    metric: str = "overlap_counts",
) -> OverlapCounts:
    """Count elements of label maps for each class; elements whose truth is `ignore_index` are left out.

    Shapes    prediction, truth: any, the same  ->  (C,) each; with `per_case` (N, C), N the first axis
    """
    arguments = {"num_classes": num_classes, "ignore_index": ignore_index, "per_case": per_case, "metric": metric}
    matrix = confusion_counts(prediction, truth, **arguments).matrix  # type: ignore[arg-type]
    return OverlapCounts(np.diagonal(matrix, axis1=-2, axis2=-1).copy(), matrix.sum(axis=-2), matrix.sum(axis=-1))


def mask_overlap_counts(prediction: Any, truth: Any, *, per_case: bool = False) -> OverlapCounts:
    """Count elements of boolean masks, one mask a class, which may overlap (a tumour inside of an organ).

    Shapes    prediction, truth: (N, C, ...)  ->  (C,) each; with `per_case` (N, C)
    """
    found, right = as_array(prediction), as_array(truth)
    if found.dtype != np.bool_ or right.dtype != np.bool_ or found.shape != right.shape or right.ndim < 2:
        raise ShapeError(
            "mask_overlap_counts: prediction and truth must be boolean masks (N, C, ...) of the same shape\n"
            f"  prediction {found.shape} {found.dtype}, truth {right.shape} {right.dtype}"
        )
    inner = tuple(range(2, right.ndim))
    counts = OverlapCounts((found & right).sum(axis=inner), found.sum(axis=inner), right.sum(axis=inner))
    return counts if per_case else counts.total()


def _added(name: str, mine: Array, theirs: Array) -> Array:
    if mine.shape != theirs.shape:
        raise ShapeError(f"{name}: counts of shape {mine.shape} and {theirs.shape} do not add up")
    total: Array = mine + theirs
    return total


def _weighted(weights: NDArray[np.float64], rows: Array) -> Array:
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    return (weights @ flat).reshape(len(weights), *rows.shape[1:])
