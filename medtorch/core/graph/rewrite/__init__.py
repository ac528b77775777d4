"""The passes, in the order in which they run, and what each may change of the numbers.

Only `affine` changes numbers: it multiplies scales into weights. All others leave every bit as it was, as far as the
kernels give equal numbers for equal inputs in another memory layout.

Requires  REQ-F-CMP-003
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from medtorch.core.graph.ir import Graph
from medtorch.core.graph.rewrite.affine import fold_affine
from medtorch.core.graph.rewrite.attention import fuse_attention
from medtorch.core.graph.rewrite.concatenations import nest_concatenations
from medtorch.core.graph.rewrite.constants import fold_constants
from medtorch.core.graph.rewrite.dead import drop_dead
from medtorch.core.graph.rewrite.epilogue import fuse_epilogues
from medtorch.core.graph.rewrite.gates import fold_gates
from medtorch.core.graph.rewrite.identities import drop_identities
from medtorch.core.graph.rewrite.linear import lift_linear
from medtorch.core.graph.rewrite.lower import lower
from medtorch.core.graph.rewrite.permutations import sink_permutations
from medtorch.core.graph.rewrite.scale_shift import join_scale_shift

Pass = Callable[[Graph], tuple[Graph, dict[str, int]]]

PASSES: tuple[Pass, ...] = (
    drop_dead,
    drop_identities,
    lower,
    fuse_attention,
    sink_permutations,
    lift_linear,
    fold_affine,
    fold_constants,
    join_scale_shift,
    fuse_epilogues,
    fold_gates,
    nest_concatenations,
    drop_identities,
    drop_dead,
)

UNFOLDED = "folding left out, as the example is ill-conditioned"
"""The count that says so."""


@dataclass(frozen=True)
class Rewritten:
    """The graph after all passes, and how often each found something to do."""

    graph: Graph
    counts: dict[str, int]


def rewrite(graph: Graph, *, folds: bool = True) -> Rewritten:
    """`graph` after every pass; without the one that changes numbers unless `folds`."""
    counts: dict[str, int] = {} if folds else {UNFOLDED: 1}
    for one in PASSES:
        if one is fold_affine and not folds:
            continue
        graph, found = one(graph)
        for name, count in found.items():
            counts[name] = counts.get(name, 0) + count
    return Rewritten(graph, counts)
