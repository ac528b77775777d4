"""Measurements as small pictures: where the samples lie and where the threshold is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from validation.paired import judge

LEFT, WIDTH = 10.0, 280.0
MARGIN = 0.06


def plot(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """Places on a line from 0 to 300 of samples, threshold and interval; None where there are no samples to draw."""
    if item["kind"] == "paired":
        values = [candidate / reference for candidate, reference in item["pairs"]]
        found = judge(item)
        ends = [end for end in (found.low, found.high) if math.isfinite(end)]
    else:
        values = [value for value in item["samples"] if isinstance(value, (int, float))]
        ends = []
    if not values:
        return None
    low, high = min(*values, item["threshold"]), max(*values, item["threshold"])
    span = (high - low) or abs(high) or 1.0
    low, span = low - MARGIN * span, span * (1 + 2 * MARGIN)

    def place(value: float) -> float:
        return float(round(LEFT + WIDTH * (value - low) / span, 1))

    return {
        "dots": [place(value) for value in values],
        "threshold": place(item["threshold"]),
        "interval": [place(end) for end in ends] if len(ends) == 2 else None,
    }
