"""What follows from constants alone is computed once, by the kernels that the model itself would have used."""

from __future__ import annotations

import numpy as np

from medtorch.core.backends import kernels_for
from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Constant, Graph


def fold_constants(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph with constants in the place of nodes that take no input."""
    draft, folded = Draft(graph), 0
    for place, node in draft.nodes():
        if not all(value in draft.constants for value in node.inputs if value is not None):
            continue
        kernels = kernels_for(draft.specs[node.outputs[0]].device)
        with kernels.quiet():
            arrays = (None if value is None else draft.constants[value].array for value in node.inputs)
            found = node.op.forward(kernels, *arrays)
        draft.put(place)
        for value, array in zip(node.outputs, found if isinstance(found, tuple) else (found,), strict=True):
            # NumPy hands out scalars where a 0-d array is meant
            draft.constants[value] = Constant(array if hasattr(array, "__setitem__") else np.asarray(array))
        folded += 1
    return draft.finished(), {"constants folded": folded}
