"""Metrics of scores: how well they put positives above negatives, whatever the threshold.

Requires  REQ-F-MET-004
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from medtorch.metrics.arrays import Array, as_array, as_tensor, check_classes, ratio

Average = Literal["none", "macro"]


@dataclass(frozen=True, eq=False)
class RankCounts:
    """Positives and negatives at each score that occurs, scores ascending.

    Shapes    thresholds: (U,); positives, negatives: (..., U)
    """

    thresholds: NDArray[np.float64]
    positives: Array
    negatives: Array


@dataclass(frozen=True, eq=False)
class ScoredCases:
    """Scores and classes, one row a case. Binary problems have one column of scores and classes 0 and 1.

    Shapes    scores: (N, K); labels: (N,)
    """

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def joined(self, other: Self) -> Self:
        """Cases of both, one after the other."""
        if self.scores.shape[1] != other.scores.shape[1]:
            raise ShapeError(f"scores of {self.scores.shape[1]} and of {other.scores.shape[1]} classes do not add up")
        scores = np.concatenate([self.scores, other.scores])
        return type(self)(scores, np.concatenate([self.labels, other.labels]))

    def total(self) -> Self:
        """All cases, each once."""
        return self

    def weighted(self, weights: NDArray[np.float64]) -> Self:
        """The same cases, each several times. Shapes weights: (B, N)."""
        return type(self)(self.scores, self.labels, weights)

    def rank_counts(self) -> list[RankCounts]:
        """One a column of scores: that class against the rest."""
        columns = self.scores.shape[1]
        return [self._column(column, 1 if columns == 1 else column) for column in range(columns)]

    def _column(self, column: int, positive: int) -> RankCounts:
        order = np.argsort(self.scores[:, column], kind="stable")
        scores = self.scores[order, column]
        if not len(scores):
            return RankCounts(scores, np.zeros(0), np.zeros(0))
        starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
        weights = np.ones(len(scores)) if self.weights is None else self.weights[..., order]
        is_positive = self.labels[order] == positive
        return RankCounts(
            scores[starts],
            np.add.reduceat(weights * is_positive, starts, axis=-1),
            np.add.reduceat(weights * ~is_positive, starts, axis=-1),
        )


def auroc(scores: Any, truth: Any, *, average: Average = "none") -> Tensor:
    """Area under the receiver operating characteristic: how often a positive scores above a negative, ties half.

    Math      sum_u p_u (n_below(u) + n_u / 2) / (P N)
    Shapes    scores (N,), truth (N,) of 0 and 1  ->  ();  scores (N, C), truth (N,) of classes  ->  (C,), each class
              against the rest, or () with average="macro"
    Undefined nan without a positive or without a negative; the macro average is nan if any class is
    Source    Hanley & McNeil 1982, Radiology 143(1), 29-36
    Requires  REQ-F-MET-004
    """
    cases = scored_cases("auroc", scores, truth)
    return as_tensor(auroc_of(cases, binary=as_array(scores).ndim == 1, average=checked_average("auroc", average)))


def average_precision(scores: Any, truth: Any, *, average: Average = "none") -> Tensor:
    """Mean of the precision at each positive, from the highest score down; equal scores count together.

    Math      sum_u (R_u - R_{u+1}) P_u, thresholds u from high to low
    Shapes    as for auroc
    Undefined nan without a positive; the macro average is nan if any class is
    Source    semantics of sklearn.metrics.average_precision_score
    Requires  REQ-F-MET-004
    """
    cases = scored_cases("average_precision", scores, truth)
    checked = checked_average("average_precision", average)
    return as_tensor(average_precision_of(cases, binary=as_array(scores).ndim == 1, average=checked))


def auroc_of(cases: ScoredCases, *, binary: bool, average: Average) -> NDArray[np.float64]:
    """The formula of `auroc`; leading axes of the weights are kept."""
    return _averaged([_area(counts) for counts in cases.rank_counts()], binary, average)


def average_precision_of(cases: ScoredCases, *, binary: bool, average: Average) -> NDArray[np.float64]:
    """The formula of `average_precision`; leading axes of the weights are kept."""
    return _averaged([_mean_precision(counts) for counts in cases.rank_counts()], binary, average)


def _area(counts: RankCounts) -> NDArray[np.float64]:
    below = np.cumsum(counts.negatives, axis=-1) - counts.negatives
    wins = np.sum(counts.positives * (below + 0.5 * counts.negatives), axis=-1)
    return ratio(wins, counts.positives.sum(axis=-1) * counts.negatives.sum(axis=-1))


def _mean_precision(counts: RankCounts) -> NDArray[np.float64]:
    found = np.cumsum(counts.positives[..., ::-1], axis=-1)
    called = found + np.cumsum(counts.negatives[..., ::-1], axis=-1)
    precision = np.where(called == 0, 0.0, found / np.where(called == 0, 1, called))
    return ratio(np.sum(counts.positives[..., ::-1] * precision, axis=-1), counts.positives.sum(axis=-1))


def _averaged(columns: list[NDArray[np.float64]], binary: bool, average: Average) -> NDArray[np.float64]:
    if binary:
        return columns[0]
    values = np.stack(columns, axis=-1)
    return np.mean(values, axis=-1) if average == "macro" else values


def checked_average(metric: str, average: Average) -> Average:
    """Refuse an average that is not offered."""
    if average not in ("none", "macro"):
        raise ArgumentError(f"{metric}: average must be 'none' or 'macro', not {average!r}")
    return average


def scored_cases(metric: str, scores: Any, truth: Any) -> ScoredCases:
    """Check scores and classes.

    Raises    DtypeError, ShapeError, ArgumentError for what cannot be ranked: nan scores, classes out of range
    """
    values, labels = as_array(scores), as_array(truth)
    if values.dtype.kind != "f":
        raise DtypeError(f"{metric}: scores must be floating point, not {values.dtype}")
    if labels.dtype.kind not in "bui":
        raise DtypeError(f"{metric}: truth must hold class numbers, not {labels.dtype}")
    if values.ndim not in (1, 2) or labels.shape != values.shape[:1]:
        shapes = f"scores {values.shape}, truth {labels.shape}"
        raise ShapeError(f"{metric}: scores must be (N,) or (N, C), and truth (N,)\n  {shapes}")
    if np.isnan(values).any():
        raise ArgumentError(f"{metric}: {int(np.isnan(values).sum())} scores are nan")
    columns = values[:, None] if values.ndim == 1 else values
    check_classes(metric, "truth", labels, max(columns.shape[1], 2))
    if values.ndim == 2 and values.shape[1] < 2:
        raise ShapeError(f"{metric}: scores of one class are given as (N,), not {values.shape}")
    return ScoredCases(columns.astype(np.float64), labels.astype(np.int64))
