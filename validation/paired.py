"""Performance measured in pairs: candidate and reference in turn, and a verdict that admits when it cannot tell.

The interval for the median of the ratios is the exact one by order statistics: it assumes nothing of how they are
distributed, draws no random numbers, and anybody can work it out again from the samples.
Source  Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CLOCKS: Mapping[str, Callable[[], float]] = {"process_cpu": time.process_time, "wall": time.perf_counter}
DEFAULTS: Mapping[str, Any] = {
    "clock": "process_cpu",
    "confidence": 0.95,
    "min_pairs": 30,
    "min_sample_ms": 200,
    "max_wall_over_cpu": 1.2,
}
SIDES = ("<=", ">=")
EXTENSION = 4  # once, to so many times the pairs; then the answer is that it cannot be told
DISTURBED_SHARE = 0.1


class Outcome(StrEnum):
    """What a measurement shows."""

    VERIFIED = "verified"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Measured:
    """The answer to a paired measurement, with what it rests on."""

    outcome: Outcome
    reason: str
    median: float
    low: float
    high: float


def median_interval(values: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """Median, and the smallest interval between two of the values that holds the true median with this confidence.

    Undefined where there are too few values: the interval is then unbounded.
    """
    ordered = sorted(values)
    count = len(ordered)
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    tail, rank = 0.0, 0
    while True:
        tail += math.comb(count, rank) / 2**count
        if tail > (1 - confidence) / 2 or rank + 1 > count // 2:
            break
        rank += 1
    if rank == 0:
        return middle, -math.inf, math.inf
    return middle, ordered[rank - 1], ordered[count - rank]


def judge(item: Mapping[str, Any]) -> Measured:
    """The outcome of recorded pairs: a pure function, which `verify` calls again on the raw samples.

    Requires  REQ-F-VAL-018
    """
    ratios = [candidate / reference for candidate, reference in item["pairs"]]
    middle, low, high = median_interval(ratios, item["confidence"])
    disturbed = sum(value > item["max_wall_over_cpu"] for value in item["wall_over_cpu"])
    if disturbed > DISTURBED_SHARE * len(ratios):
        reason = f"the machine was busy with other work in {disturbed} of {len(ratios)} pairs"
        return Measured(Outcome.INCONCLUSIVE, reason, middle, low, high)
    threshold = item["threshold"]
    above, below = low > threshold, high <= threshold
    if item["operator"] == ">=":
        above, below = high < threshold, low >= threshold
    shown = f"{middle:.4g} (median of {len(ratios)} pairs, {item['confidence']:.0%} interval {low:.4g} to {high:.4g})"
    if below:
        return Measured(Outcome.VERIFIED, shown, middle, low, high)
    if above:
        return Measured(Outcome.FAILED, f"{shown} is not {item['operator']} {threshold}", middle, low, high)
    return Measured(Outcome.INCONCLUSIVE, f"{shown} lies on both sides of {threshold}", middle, low, high)


def measure(
    candidate: Callable[[], object], reference: Callable[[], object], acceptance: Mapping[str, Any]
) -> dict[str, Any]:
    """Pairs of samples, ABBA, each long enough for the clock; extended once where they cannot tell yet."""
    terms = {**DEFAULTS, **acceptance}
    clock = CLOCKS[terms["clock"]]
    calls = (candidate, reference)
    repeats = [_repeats(call, clock, terms["min_sample_ms"] / 1e3) for call in calls]
    item: dict[str, Any] = {key: terms[key] for key in ("metric", "operator", "threshold", "unit", *DEFAULTS)}
    item |= {"pairs": [], "wall_over_cpu": [], "extended": False}
    while len(item["pairs"]) < terms["min_pairs"] * (EXTENSION if item["extended"] else 1):
        order = (0, 1) if len(item["pairs"]) % 2 == 0 else (1, 0)
        sample, shares = [0.0, 0.0], []
        for which in order:
            seconds, share = _sample(calls[which], repeats[which], clock)
            sample[which] = seconds / repeats[which]
            shares.append(share)
        item["pairs"].append(sample)
        item["wall_over_cpu"].append(max(shares))
        done = len(item["pairs"]) == terms["min_pairs"]
        if done and not item["extended"] and judge(item).outcome is Outcome.INCONCLUSIVE:
            item["extended"] = True
    return item


def _repeats(call: Callable[[], object], clock: Callable[[], float], seconds: float) -> int:
    """How often to call so that one sample lasts long enough; warms up on the way."""
    count = 1
    while True:
        took, _ = _sample(call, count, clock)
        if took >= seconds:
            return count
        count = max(count + 1, math.ceil(count * min(seconds / max(took, 1e-6), 10.0)))


def _sample(call: Callable[[], object], count: int, clock: Callable[[], float]) -> tuple[float, float]:
    """Time on the clock for `count` calls, and wall time over CPU time: well above 1 where others had the processor."""
    cpu, wall, began = time.process_time(), time.perf_counter(), clock()
    for _ in range(count):
        call()
    took = clock() - began
    used = time.process_time() - cpu
    return took, (time.perf_counter() - wall) / max(used, 1e-9)
