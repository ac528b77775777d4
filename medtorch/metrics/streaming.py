"""Metrics that grow: update with each batch, merge the shards of several processes, compute at any time.

A shard merged is the whole, exactly: what is kept are whole counts (or, for rankings, the scores themselves).
With `cases=True` a metric keeps the counts of every case (every entry of the first axis), so that values can be looked
at case by case and a confidence interval can be bootstrapped.

Requires  REQ-F-MET-005
"""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError
from medtorch.metrics import formulas
from medtorch.metrics.arrays import as_array, as_tensor
from medtorch.metrics.counts import (
    ConfusionCounts,
    Counts,
    MeanCounts,
    OverlapCounts,
    confusion_counts,
    overlap_counts,
)
from medtorch.metrics.ranking import (
    Average,
    ScoredCases,
    auroc_of,
    average_precision_of,
    checked_average,
    scored_cases,
)

C = TypeVar("C", bound=Counts)


class Metric(Generic[C]):
    """What every streaming metric does. `counts` are None before the first update."""

    counts: C | None

    def __init__(self, *, cases: bool) -> None:
        self.cases, self.counts = cases, None

    def update(self, prediction: Any, truth: Any) -> None:
        """Count a batch."""
        self._add(self._count(prediction, truth))

    def compute(self) -> Tensor:
        """The value so far.

        Raises    ArgumentError before the first update
        """
        return as_tensor(self.values(self._counted().total() if self.cases else self._counted()))

    def per_case(self) -> Tensor:
        """The value of each case alone, cases first."""
        self._need_cases()
        return as_tensor(self.values(self._counted()))

    def merge(self, *others: Self) -> Self:
        """Take in the counts of metrics of the same kind and settings; order does not change the value.

        Raises    ArgumentError for metrics that do not match
        """
        for other in others:
            if type(other) is not type(self) or other.settings() != self.settings():
                raise ArgumentError(f"{type(self).__name__}: cannot merge {self.settings()} with {other!r}")
            if other.counts is not None:
                self._add(other.counts)
        return self

    def reset(self) -> None:
        """Forget all counts."""
        self.counts = None

    def fresh(self, *, cases: bool) -> Self:
        """A metric of the same settings without counts."""
        return type(self)(**{**self.settings(), "cases": cases})

    def settings(self) -> dict[str, Any]:
        """The arguments that it was made with."""
        return {"cases": self.cases}

    def values(self, counts: C) -> NDArray[np.float64]:
        """The formula, on counts with or without a leading axis."""
        raise NotImplementedError

    def _count(self, prediction: Any, truth: Any) -> C:
        raise NotImplementedError

    def _add(self, counts: C) -> None:
        if self.counts is None:
            self.counts = counts
        elif self.cases:
            self.counts = self.counts.joined(counts)
        else:
            self.counts = self.counts + counts  # type: ignore[operator]

    def _counted(self) -> C:
        if self.counts is None:
            raise ArgumentError(f"{type(self).__name__}: nothing was counted yet")
        return self.counts

    def _need_cases(self) -> None:
        if not self.cases:
            raise ArgumentError(f"{type(self).__name__}: made without cases=True, it does not know single cases")

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings().items())
        return f"{type(self).__name__}({settings})"


class _ClassMetric(Metric[C]):
    def __init__(self, num_classes: int, *, ignore_index: int | None = None, cases: bool = False) -> None:
        super().__init__(cases=cases)
        self.num_classes, self.ignore_index = num_classes, ignore_index

    def settings(self) -> dict[str, Any]:
        return {"num_classes": self.num_classes, "ignore_index": self.ignore_index, "cases": self.cases}


class _ConfusionMetric(_ClassMetric[ConfusionCounts]):
    def _count(self, prediction: Any, truth: Any) -> ConfusionCounts:
        return confusion_counts(
            prediction, truth, num_classes=self.num_classes, ignore_index=self.ignore_index, per_case=self.cases,
            metric=type(self).__name__,
        )  # fmt: skip


class ConfusionMatrix(_ConfusionMetric):
    """Streaming `confusion_matrix`: (C, C), truth in rows."""

    def values(self, counts: ConfusionCounts) -> NDArray[np.float64]:
        return formulas.matrix_of(counts)


class Accuracy(_ConfusionMetric):
    """Streaming `accuracy`."""

    def values(self, counts: ConfusionCounts) -> NDArray[np.float64]:
        return formulas.accuracy_of(counts)


class BalancedAccuracy(_ConfusionMetric):
    """Streaming `balanced_accuracy`."""

    def values(self, counts: ConfusionCounts) -> NDArray[np.float64]:
        return formulas.balanced_accuracy_of(counts)


class Precision(_ConfusionMetric):
    """Streaming `precision`, one number a class."""

    def values(self, counts: ConfusionCounts) -> NDArray[np.float64]:
        return formulas.precision_of(counts)


class Recall(_ConfusionMetric):
    """Streaming `recall`, one number a class."""

    def values(self, counts: ConfusionCounts) -> NDArray[np.float64]:
        return formulas.recall_of(counts)


Sensitivity = Recall


class Specificity(_ConfusionMetric):
    """Streaming `specificity`, one number a class."""

    def values(self, counts: ConfusionCounts) -> NDArray[np.float64]:
        return formulas.specificity_of(counts)


class F1(_ConfusionMetric):
    """Streaming `f1`, one number a class."""

    def values(self, counts: ConfusionCounts) -> NDArray[np.float64]:
        return formulas.f1_of(counts)


class _OverlapMetric(_ClassMetric[OverlapCounts]):
    def _count(self, prediction: Any, truth: Any) -> OverlapCounts:
        return overlap_counts(
            prediction, truth, num_classes=self.num_classes, ignore_index=self.ignore_index, per_case=self.cases,
            metric=type(self).__name__,
        )  # fmt: skip


class Dice(_OverlapMetric):
    """Streaming `dice`, one number a class; all elements of all images count together.

    The mean over images is another number: `CaseMean` of `per_case()`.
    """

    def values(self, counts: OverlapCounts) -> NDArray[np.float64]:
        return formulas.dice_of(counts)


class IoU(_OverlapMetric):
    """Streaming `iou`, one number a class; all elements of all images count together."""

    def values(self, counts: OverlapCounts) -> NDArray[np.float64]:
        return formulas.iou_of(counts)


class _RankMetric(Metric[ScoredCases]):
    def __init__(self, *, average: Average = "none", cases: bool = True) -> None:
        if not cases:
            raise ArgumentError(f"{type(self).__name__}: a ranking always keeps its cases")
        super().__init__(cases=True)
        self.average = checked_average(type(self).__name__, average)
        self._binary: bool | None = None

    def settings(self) -> dict[str, Any]:
        return {"average": self.average, "cases": True}

    def per_case(self) -> Tensor:
        raise ArgumentError(f"{type(self).__name__}: a single case cannot be ranked")

    def _count(self, prediction: Any, truth: Any) -> ScoredCases:
        return scored_cases(type(self).__name__, prediction, truth)


class AUROC(_RankMetric):
    """Streaming `auroc`: update with scores and classes."""

    def values(self, counts: ScoredCases) -> NDArray[np.float64]:
        return auroc_of(counts, binary=counts.scores.shape[1] == 1, average=self.average)


class AveragePrecision(_RankMetric):
    """Streaming `average_precision`: update with scores and classes."""

    def values(self, counts: ScoredCases) -> NDArray[np.float64]:
        return average_precision_of(counts, binary=counts.scores.shape[1] == 1, average=self.average)


class CaseMean(Metric[MeanCounts]):
    """Mean of one number (or one a class) a case, such as each image's Dice. Undefined ones (nan) are counted apart.

    Shapes    update: (N,) or (N, K)  ->  () or (K,)
    Undefined nan where no case is defined; `defined()` tells how many were
    Requires  REQ-F-MET-005
    """

    def __init__(self, *, cases: bool = True) -> None:
        if not cases:
            raise ArgumentError("CaseMean: always keeps its cases")
        super().__init__(cases=True)

    def update(self, values: Any, truth: None = None) -> None:
        """Count one row of values a case."""
        self._add(self._count(values, truth))

    def defined(self) -> Tensor:
        """How many cases were defined."""
        return as_tensor(self._counted().total().defined)

    def values(self, counts: MeanCounts) -> NDArray[np.float64]:
        return formulas.mean_of(counts)

    def _count(self, prediction: Any, truth: Any) -> MeanCounts:
        if truth is not None:
            raise ArgumentError("CaseMean: takes values alone, no truth")
        rows = as_array(prediction)
        if rows.dtype.kind != "f" or rows.ndim not in (1, 2):
            raise ShapeError(f"CaseMean: values must be floating point, (N,) or (N, K), not {rows.shape} {rows.dtype}")
        known = ~np.isnan(rows)
        return MeanCounts(np.where(known, rows, 0.0).astype(np.float64), known.astype(np.int64))
