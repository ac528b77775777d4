"""Which algorithms a plan's convolutions use, and what that does to its answer.

Requires  REQ-F-CMP-007
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from medtorch.core.algorithms import cpu_algorithms
from medtorch.core.graph.accuracy import largest_gap
from medtorch.core.graph.arithmetic import conv_algorithm
from medtorch.core.graph.ir import Graph
from medtorch.core.graph.probe import probe
from medtorch.core.kernels import Kernels

Array = Any


@dataclass(frozen=True)
class Algorithms:
    """How many convolutions use which algorithm; how far the answer on the example is from that of direct sums alone:
    the largest difference over the largest number of an output."""

    convolutions: dict[str, int]
    largest_from_direct: float


def chosen_algorithms(graph: Graph, kernels: Kernels, arrays: list[Array], answers: tuple[Array, ...]) -> Algorithms:
    """What the choice in force means for `graph`, which answers `answers` for `arrays`."""
    names = (conv_algorithm(graph, node, kernels) for node in graph.nodes)
    counts = Counter(name for name in names if name is not None)
    if set(counts) <= {"direct"}:
        return Algorithms(dict(counts), 0.0)
    # What is packed of the constants for this one pass is not kept.
    passing = {value: replace(one, source=kernels.passing(one.array)) for value, one in graph.constants.items()}
    with cpu_algorithms("direct"):
        direct = probe(replace(graph, constants=passing), kernels, arrays).answers
    gaps = [largest_gap(one, other) for one, other in zip(answers, direct, strict=True)]
    return Algorithms(dict(sorted(counts.items())), max(gaps, default=0.0))
