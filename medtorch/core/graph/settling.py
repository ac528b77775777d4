"""Places for described memory: what comes in and goes out in pieces of its own, the rest in one block by lifetimes.

Requires  REQ-F-CMP-005
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core.graph.arena import Life, offsets
from medtorch.core.graph.description import Aside, Description
from medtorch.core.graph.ir import Graph, Node
from medtorch.core.graph.recording import Span, span_of

Array = Any
NOWHERE, BLOCK = 0, 1
"""Numbers of pieces: memory that is there already, by its address; the block. Then come inputs, then outputs."""


@dataclass(frozen=True)
class Look:
    """An array in a piece of memory."""

    piece: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any

    def into(self, memory: Array) -> Array:
        """The array, given the bytes of its piece."""
        return np.ndarray(self.shape, self.dtype, memory, self.offset, self.strides)


@dataclass(frozen=True)
class Jobs:
    """Native jobs [first, last) in one call."""

    first: int
    last: int


@dataclass(frozen=True)
class PythonStep:
    """An Aside with its memory settled: looks into pieces, or constants as they are."""

    node: Node
    taken: tuple[Any, ...]
    made: tuple[Look, ...]


@dataclass(frozen=True)
class Settled:
    """A graph with a place for everything.

    `sizes`   bytes of each piece
    `places`  (piece, offset) of each access of each job, in order
    `spans`   what a run does
    `outputs` where each output is: a look, or an array that is there already; and whether it must be copied
    `dying`   for a moment of the run: (offset, size) of what nobody needs after it
    """

    sizes: list[int]
    places: list[tuple[int, int]]
    spans: tuple[Jobs | PythonStep, ...]
    outputs: tuple[tuple[Any, bool], ...]
    dying: dict[int, list[tuple[int, int]]]
    values_bytes: int


def settle(graph: Graph, described: Description) -> Settled:
    """Find the places of a described graph."""
    regions, lives = described.regions, _lives(described)
    whole = _whole_outputs(graph, described)
    for value in graph.outputs:  # what is copied at the end
        nr = _region_of(described, described.arrays[value])
        if nr is not None and nr in lives:
            lives[nr] = Life(lives[nr].size, lives[nr].first, len(described.moments))
    owned = [nr for nr in lives if nr not in whole and nr not in regions.inputs]
    starts, block = offsets([lives[nr] for nr in owned])
    found = {nr: (2 + k, 0) for k, nr in enumerate((*regions.inputs, *whole))}
    found |= {nr: (BLOCK, start) for nr, start in zip(owned, starts, strict=True)}
    placer = _Placer(described, found)
    dying: dict[int, list[tuple[int, int]]] = {}
    for nr in owned:
        dying.setdefault(lives[nr].last, []).append((found[nr][1], regions.sizes[nr]))
    return Settled(
        sizes=[0, block, *(regions.sizes[nr] for nr in (*regions.inputs, *whole))],
        places=[placer.place(touch.at) for job in described.jobs for touch in job],
        spans=tuple(placer.spans()),
        outputs=tuple(placer.output(described.arrays[value], whole) for value in graph.outputs),
        dying=dying,
        values_bytes=sum(regions.sizes[nr] for nr in owned),
    )


class _Placer:
    def __init__(self, described: Description, found: dict[int, tuple[int, int]]) -> None:
        self._described, self._found = described, found

    def place(self, address: int) -> tuple[int, int]:
        """The piece and the offset in it of an address."""
        regions = self._described.regions
        nr = regions.of(address)
        if nr is None or nr not in self._found:
            return NOWHERE, address
        piece, start = self._found[nr]
        return piece, start + address - regions.starts[nr]

    def look(self, array: Array) -> Any:
        """`array` in its piece; itself where it is there already."""
        piece, offset = self.place(array.ctypes.data)
        return Look(piece, offset, array.shape, array.strides, array.dtype) if piece != NOWHERE else array

    def spans(self) -> Iterator[Jobs | PythonStep]:
        first = last = 0
        for moment in self._described.moments:
            if not isinstance(moment, Aside):
                last = moment + 1
                continue
            if first < last:
                yield Jobs(first, last)
            first = last
            taken = tuple(None if array is None else self.look(array) for array in moment.taken)
            yield PythonStep(moment.node, taken, tuple(map(self.look, moment.made)))
        if first < last:
            yield Jobs(first, last)

    def output(self, array: Array, whole: list[int]) -> tuple[Any, bool]:
        return self.look(array), _region_of(self._described, array) not in whole


def _region_of(described: Description, array: Array) -> int | None:
    return described.regions.of(array.ctypes.data)


def _lives(described: Description) -> dict[int, Life]:
    """From when to when each region is used."""
    found: dict[int, Life] = {}
    for moment, what in enumerate(described.moments):
        if isinstance(what, Aside):
            spans = [span_of(array) for array in (*what.taken, *what.made) if array is not None]
        else:
            spans = [touch.span for touch in described.jobs[what]]
        for span in spans:
            nr = described.regions.of(span.first)
            if nr is not None and span.first < span.end:
                first = found[nr].first if nr in found else moment
                found[nr] = Life(described.regions.sizes[nr], first, moment)
    return found


def _whole_outputs(graph: Graph, described: Description) -> list[int]:
    """Regions that an output fills: the run hands them out."""
    found: list[int] = []
    for value in graph.outputs:
        nr = _region_of(described, described.arrays[value])
        if nr is None or nr in described.regions.inputs or nr in found:
            continue
        start, size = described.regions.starts[nr], described.regions.sizes[nr]
        spec = graph.specs[value]
        if span_of(described.arrays[value]) == Span(start, start + size) and spec.numel * spec.dtype.itemsize == size:
            found.append(nr)
    return found
