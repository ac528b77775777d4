"""Which algorithms a plan's convolutions use, and what that does to its answer.

Requires  REQ-F-CMP-007
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from medtorch.core.algorithms import cpu_algorithms, get_cpu_algorithms
from medtorch.core.dtypes import float32
from medtorch.core.graph.accuracy import largest_gap
from medtorch.core.graph.ir import Graph
from medtorch.core.graph.ops import ConvFused
from medtorch.core.graph.probe import probe
from medtorch.core.kernels import Kernels
from medtorch.core.ops.conv import Conv

Array = Any


@dataclass(frozen=True)
class Algorithms:
    """How many convolutions use which algorithm; how far the answer on the example is from that of direct sums alone:
    the largest difference over the largest number of an output."""

    convolutions: dict[str, int]
    largest_from_direct: float


def chosen_algorithms(graph: Graph, kernels: Kernels, arrays: list[Array], answers: tuple[Array, ...]) -> Algorithms:
    """What the choice in force means for `graph`, which answers `answers` for `arrays`."""
    allowed, counts = get_cpu_algorithms(), Counter[str]()
    for node in graph.nodes:
        op = node.op
        given = [graph.specs[value] for value in node.inputs[:2] if value is not None]
        if isinstance(op, (Conv, ConvFused)) and len(given) == 2:
            x, weight = given
            geometry = (op.stride, op.padding, op.dilation, op.groups)
            name = kernels.conv_algorithm(x.shape, weight.shape, *geometry, allowed)
            counts[name if x.dtype is float32 else "direct"] += 1
    if set(counts) <= {"direct"}:
        return Algorithms(dict(counts), 0.0)
    # What is packed of the constants for this one pass is not kept.
    passing = {value: replace(one, source=kernels.passing(one.array)) for value, one in graph.constants.items()}
    with cpu_algorithms("direct"):
        direct = probe(replace(graph, constants=passing), kernels, arrays).answers
    gaps = [largest_gap(one, other) for one, other in zip(answers, direct, strict=True)]
    return Algorithms(dict(sorted(counts.items())), max(gaps, default=0.0))
