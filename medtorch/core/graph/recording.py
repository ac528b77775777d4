"""What a step does to memory, as its native jobs tell: whether it can be done again by those jobs alone.

A kernel that runs from Python may look at its arrays, copy some, and hand others to native code. If all that its jobs
read is what the step was given or what earlier jobs of the step wrote, and all that it makes was written by jobs or
looks into what it was given, then the jobs are the whole step. Anything that NumPy made on the way shows as memory of
unknown origin.

Requires  REQ-F-CMP-005
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

Array = Any


class Span(NamedTuple):
    """Bytes of memory from the address `first` on, up to one before `end`."""

    first: int
    end: int

    def holds(self, other: Span) -> bool:
        return self.first <= other.first and other.end <= self.end


class Touch(NamedTuple):
    """What a job does to one piece of memory: it is handed the address `at`."""

    at: int
    span: Span
    writes: bool


@contextmanager
def listening(recorder: Any | None) -> Iterator[None]:
    """While this is open `recorder` writes down the native jobs of this thread."""
    if recorder is None:
        yield
        return
    recorder.start()
    try:
        yield
    finally:
        recorder.stop()


def touches(recorder: Any, job: int) -> list[Touch]:
    """The memory that a job touches."""
    return [Touch(at, Span(first, end), writes) for at, first, end, writes in recorder.touched(job)]


def span_of(array: Array) -> Span:
    """The bytes that `array` reaches."""
    if array.size == 0:
        return Span(0, 0)
    return Span(*np.lib.array_utils.byte_bounds(array))


def jobs_are_all(jobs: Iterable[list[Touch]], taken: list[Array], made: list[Array], *, written: bool = False) -> bool:
    """Whether `jobs` are everything that turns the arrays `taken` into `made`.

    What is made may look into what was taken, unless it must have been `written`.
    """
    known = [span_of(array) for array in taken]
    done: list[Span] = []
    for job in jobs:
        for touch in job:
            if not touch.writes and not _is_in(touch.span, known) and not _is_in(touch.span, done):
                return False
        done = _joined([*done, *(touch.span for touch in job if touch.writes)])
    return all(_is_in(span, done) or (not written and _is_in(span, known)) for span in map(span_of, made))


def _joined(spans: list[Span]) -> list[Span]:
    """Spans that meet as one. That no gap is left between what is written is for the check of the whole plan to say."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.first <= found[-1].end:
            found[-1] = Span(found[-1].first, max(found[-1].end, span.end))
        elif span.first < span.end:
            found.append(span)
    return found


def _is_in(span: Span, spans: list[Span]) -> bool:
    return span.first == span.end or any(one.holds(span) for one in spans)
