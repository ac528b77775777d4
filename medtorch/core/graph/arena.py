"""Where values lie in one block of memory: largest first, each in the lowest gap that is free for as long as it lives.

Source    Pisarchyk & Lee, Efficient Memory Management for Deep Neural Net Inference, 2020, arXiv:2001.03288, section 5
Requires  REQ-F-CMP-005
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

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
    placed = _Placed()
    for nr in order:
        found[nr] = _lowest_gap(lives[nr], placed.meeting(lives[nr]))
        placed.add(found[nr], lives[nr])
    return found, max((found[n] + rounded(lives[n].size) for n in order), default=0)


class _Placed:
    """What has its place already, by when it begins: thousands of short lives meet few others each."""

    short = 64
    """Steps of a short life, and of the pieces of time that short lives are kept by."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[tuple[int, Life]]] = {}
        self._long: list[tuple[int, Life]] = []

    def add(self, offset: int, life: Life) -> None:
        is_long = life.last - life.first > self.short
        kept = self._long if is_long else self._pieces.setdefault(life.first // self.short, [])
        kept.append((offset, life))

    def meeting(self, life: Life) -> list[tuple[int, Life]]:
        pieces = range((life.first - self.short) // self.short, life.last // self.short + 1)
        near = itertools.chain(self._long, *(self._pieces.get(piece, ()) for piece in pieces))
        return [one for one in near if one[1].meets(life)]


def rounded(size: int) -> int:
    """`size` up to the next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def _lowest_gap(life: Life, meeting: list[tuple[int, Life]]) -> int:
    start = 0
    for offset, other in sorted(meeting, key=itemgetter(0)):
        if start + rounded(life.size) <= offset:
            return start
        start = max(start, offset + rounded(other.size))
    return start
