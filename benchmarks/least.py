"""The least time that the arithmetic of a compiled model needs, and how far ahead of its peers that would be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import goals
from benchmarks.numbers import summary


@dataclass(frozen=True)
class Least:
    """`seconds` are what the chosen multiply-adds take at the roof; `ahead` is the best peer's time over them."""

    name: str
    plain: int
    chosen: int
    seconds: float
    share: float
    ahead: float | None


def rows(result: Mapping[str, Any]) -> list[Least]:
    """One for each workload that was counted and timed; none where the run has no roof."""
    roof = (result.get("kernels") or {}).get("roof")
    if not roof:
        return []
    flops = summary([one["flops"] for one in roof]).median
    return [row for cell in result["inference"] if (row := _row(cell, flops)) is not None]


def _row(cell: goals.Cell, flops: float) -> Least | None:
    counted = cell["candidates"].get(goals.COMPILED, {}).get("multiply_adds")
    if not counted or not goals.rounds(cell, goals.COMPILED):
        return None
    seconds, peer = 2 * counted["chosen"] / flops, goals.best_peer(cell)
    ahead = None if peer is None else goals.median(cell, peer) / seconds
    share = seconds / goals.median(cell, goals.COMPILED)
    return Least(cell["name"], counted["plain"], counted["chosen"], seconds, share, ahead)
