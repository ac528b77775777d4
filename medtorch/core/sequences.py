"""Sequences that run side by side and may end at different times: which rows belong to which time.

Rows of all times lie one below the other, `sizes[t]` of them at time t, never more than at the time before.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple


class Step(NamedTuple):
    """One time: its rows, and those of the time that ran before it, as far as the same sequences run on (or none)."""

    rows: slice
    before: slice

    @property
    def size(self) -> int:
        return int(self.rows.stop - self.rows.start)

    @property
    def joined(self) -> int:
        """How many sequences ran before; the others begin here."""
        return int(self.before.stop - self.before.start)


def steps(sizes: tuple[int, ...], reverse: bool) -> Iterator[Step]:
    """The times in the order in which they run."""
    ends = list(accumulate(sizes))
    places = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    last = slice(0, 0)
    for rows in reversed(places) if reverse else places:
        yield Step(rows, slice(last.start, last.start + min(last.stop - last.start, rows.stop - rows.start)))
        last = rows


def last_rows(sizes: tuple[int, ...], reverse: bool) -> list[int]:
    """For each sequence the row that runs last."""
    if reverse:
        return list(range(sizes[0]))
    found = [0] * sizes[0]
    for step in steps(sizes, reverse):
        found[: step.size] = range(step.rows.start, step.rows.stop)
    return found
