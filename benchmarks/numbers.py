"""Medians, spread and ratios of samples that were taken in turn."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """The median of samples, and the quartiles around it."""

    median: float
    low: float
    high: float
    count: int

    @property
    def spread(self) -> float:
        """Distance of the quartiles over the median."""
        return (self.high - self.low) / self.median


def summary(samples: Sequence[float]) -> Summary:
    """Median and quartiles.

    Math      quartile q at rank q (n - 1), linear between neighbours (Hyndman and Fan 1996, definition 7)
    Raises    ValueError for no samples
    """
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    return Summary(_at(ordered, 0.5), _at(ordered, 0.25), _at(ordered, 0.75), len(ordered))


def _at(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def ratios(over: Sequence[Sequence[float]], under: Sequence[Sequence[float]]) -> list[float]:
    """One ratio a round: median of `over`'s samples of that round by median of `under`'s.

    A machine that is slow for a while slows both of a round, so their ratio moves less than either.
    """
    if len(over) != len(under):
        raise ValueError(f"{len(over)} rounds beside {len(under)}")
    return [statistics.median(a) / statistics.median(b) for a, b in zip(over, under, strict=True)]


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios that gives 1 for a value and its inverse.

    Raises    ValueError for no values, or one that is not positive
    """
    if not values or min(values) <= 0:
        raise ValueError(f"a geometric mean needs positive values, got {list(values)}")
    return math.exp(math.fsum(map(math.log, values)) / len(values))
