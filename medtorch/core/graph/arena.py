"""Where values lie in one block of memory: largest first, each in the lowest gap that is free for as long as it lives.

Source    Pisarchyk & Lee, Efficient Memory Management for Deep Neural Net Inference, 2020, arXiv:2001.03288, section 5
Requires  REQ-F-CMP-005
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector."""


@dataclass(frozen=True, slots=True)
class Life:
    """How many bytes are needed, from the step `first` that writes them to the step `last` that reads them."""

    size: int
    first: int
    last: int

    def meets(self, other: Life) -> bool:
        return self.first <= other.last and other.first <= self.last


def offsets(lives: Sequence[Life]) -> tuple[list[int], int]:
    """Where each begins, and how many bytes all need together."""
    order = sorted(range(len(lives)), key=lambda n: (-lives[n].size, lives[n].first, n))
    found = [0] * len(lives)
    placed: list[int] = []
    for nr in order:
        found[nr] = _lowest_gap(lives[nr], [(found[p], lives[p]) for p in placed])
        placed.append(nr)
    return found, max((found[n] + rounded(lives[n].size) for n in order), default=0)


def rounded(size: int) -> int:
    """`size` up to the next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def _lowest_gap(life: Life, placed: list[tuple[int, Life]]) -> int:
    start = 0
    for offset, other in sorted(((o, p) for o, p in placed if p.meets(life)), key=lambda pair: pair[0]):
        if start + rounded(life.size) <= offset:
            return start
        start = max(start, offset + rounded(other.size))
    return start
