"""Confidence intervals by resampling cases (or clusters of cases) with replacement.

Source    Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 13 and 14; Field & Welsh 2007,
          JRSS-B 69(3), 369-390 (clusters)
Requires  REQ-F-MET-006
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medtorch.core.stream import Stream
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError
from medtorch.metrics.arrays import as_array, as_tensor
from medtorch.metrics.streaming import Metric

Method = Literal["percentile", "bca"]
Values = NDArray[np.float64]

_NORMAL = NormalDist()
_CHUNK = 4_000_000  # weights held at once: 32 MB


@dataclass(frozen=True, eq=False)
class Interval:
    """An estimate and its confidence interval, one number (or one a class) each.

    `units` is how many cases or clusters were resampled, `undefined` in how many resamples the value was nan: the
    interval is that of the others.
    """

    estimate: Tensor
    low: Tensor
    high: Tensor
    confidence: float
    method: Method
    n_resamples: int
    units: int
    undefined: Tensor


def bootstrap(
    metric: Metric[Any],
    prediction: Any = None,
    truth: Any = None,
    *,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    by: Any = None,
    method: Method = "percentile",
) -> Interval:
    """Bootstrap the confidence interval of a metric.

    Either the metric holds cases already (made with cases=True and updated), or prediction and truth are given, whose
    first axis are the cases: images for Dice, samples for accuracy. `by` names each case's cluster (its patient): whole
    clusters are drawn then, since cases of one patient resemble each other. The same seed gives the same interval.

    Math      percentile: the quantiles (1 - confidence) / 2 and (1 + confidence) / 2 of the resampled values;
              bca: quantiles corrected for bias z0 and acceleration a (jackknife over the units)
    Undefined nan where the estimate is; bca is nan where all resampled values lie on one side of the estimate, unless
              they are all equal to it. Where a metric cannot vary (all cases right) the interval is that one value:
              read it with the number of units
    Raises    ArgumentError for contradicting arguments or fewer than 2 units
    Source    Efron & Tibshirani 1993, sections 13.3 and 14.3
    Requires  REQ-F-MET-006
    """
    _check(n_resamples, confidence, method)
    holder = _with_cases(metric, prediction, truth)
    counts = holder.counts
    if counts is None:
        raise ArgumentError("bootstrap: the metric has counted nothing yet")
    unit_of_case, units = _units(by, len(counts))
    estimate = holder.values(counts.total())

    def value(unit_weights: Values) -> Values:
        return holder.values(counts.weighted(unit_weights[:, unit_of_case]))

    values = np.concatenate([value(weights) for weights in _resamples(units, n_resamples, seed)])
    low, high = _ends(values, estimate, confidence, method, lambda: _jackknife(value, units))
    undefined = np.isnan(values).sum(axis=0)
    return Interval(
        as_tensor(estimate),
        as_tensor(low),
        as_tensor(high),
        confidence,
        method,
        n_resamples,
        units,
        as_tensor(undefined),
    )


def _check(n_resamples: int, confidence: float, method: str) -> None:
    if n_resamples < 100:
        raise ArgumentError(f"bootstrap: n_resamples must be at least 100, not {n_resamples}")
    if not 0.0 < confidence < 1.0:
        raise ArgumentError(f"bootstrap: confidence must lie between 0 and 1, not {confidence}")
    if method not in ("percentile", "bca"):
        raise ArgumentError(f"bootstrap: method must be 'percentile' or 'bca', not {method!r}")


def _with_cases(metric: Metric[Any], prediction: Any, truth: Any) -> Metric[Any]:
    if prediction is None:
        if not metric.cases:
            raise ArgumentError(f"bootstrap: {metric!r} was made without cases=True")
        return metric
    holder = metric.fresh(cases=True)
    holder.update(prediction, truth)
    return holder


def _units(by: Any, cases: int) -> tuple[NDArray[np.int64], int]:
    """Which unit each case belongs to, and how many units there are."""
    if by is None:
        names, unit_of_case = np.arange(cases), np.arange(cases)
    else:
        clusters = as_array(by)
        if clusters.shape != (cases,):
            raise ShapeError(f"bootstrap: by must name a cluster for each of the {cases} cases, not {clusters.shape}")
        names, unit_of_case = np.unique(clusters, return_inverse=True)
    if len(names) < 2:
        raise ArgumentError(f"bootstrap: {len(names)} unit cannot be resampled, at least 2 are needed")
    return unit_of_case, len(names)


def _resamples(units: int, n_resamples: int, seed: int) -> Iterator[Values]:
    """How often each unit is drawn, one row a resample, a chunk at a time."""
    stream, rows = Stream(seed), max(1, _CHUNK // units)
    for start in range(0, n_resamples, rows):
        count = min(rows, n_resamples - start)
        drawn = stream.integers(0, units, (count, units)) + np.arange(count)[:, None] * units
        yield np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(np.float64)


def _jackknife(value: Callable[[Values], Values], units: int) -> Values:
    """The value without each unit in turn."""
    rows = max(1, _CHUNK // units)
    parts = []
    for start in range(0, units, rows):
        weights = np.ones((min(rows, units - start), units))
        weights[np.arange(len(weights)), np.arange(start, start + len(weights))] = 0.0
        parts.append(value(weights))
    return np.concatenate(parts)


def _ends(
    values: Values, estimate: Values, confidence: float, method: Method, jackknife: Callable[[], Values]
) -> tuple[Values, Values]:
    tails = np.array([(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    flat, points = values.reshape(len(values), -1), np.ravel(estimate)
    without = jackknife().reshape(-1, flat.shape[1]) if method == "bca" else flat
    ends = [
        _interval(flat[:, place], points[place], tails if method == "percentile" else _corrected(
            flat[:, place], points[place], without[:, place], tails
        ))
        for place in range(flat.shape[1])
    ]  # fmt: skip
    pair = np.array(ends).reshape(-1, 2)
    return pair[:, 0].reshape(np.shape(estimate)), pair[:, 1].reshape(np.shape(estimate))


def _interval(values: Values, point: float, tails: Values) -> Values:
    defined = values[~np.isnan(values)]
    if np.isnan(point) or not len(defined) or np.isnan(tails).any():
        return np.full(2, np.nan)
    return np.quantile(defined, tails)


def _corrected(values: Values, point: float, without: Values, tails: Values) -> Values:
    """The tails of bias-corrected and accelerated intervals (Efron & Tibshirani 1993, formulas 14.9 to 14.15)."""
    defined, without = values[~np.isnan(values)], without[~np.isnan(without)]
    if np.isnan(point) or not len(defined) or not len(without):
        return np.full(2, np.nan)
    if (defined == point).all():
        return tails
    share = ((defined < point).mean() + (defined <= point).mean()) / 2.0
    deviations = without.mean() - without
    spread = (deviations**2).sum()
    if not 0.0 < share < 1.0 or spread == 0.0:
        return np.full(2, np.nan)
    acceleration = (deviations**3).sum() / (6.0 * spread**1.5)
    bias = _NORMAL.inv_cdf(share)
    corrected = []
    for tail in tails:
        shifted = bias + _NORMAL.inv_cdf(tail)
        corrected.append(_NORMAL.cdf(bias + shifted / (1.0 - acceleration * shifted)))
    return np.array(corrected)
