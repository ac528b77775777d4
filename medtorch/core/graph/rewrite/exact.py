"""Constants in float64, computed from the model's own numbers: what is folded is rounded once, at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from medtorch.core.backends import kernels_for, move
from medtorch.core.devices import device
from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Value
from medtorch.core.graph.ops import Regroup
from medtorch.core.ops.arithmetic import Add, Div, Mul, Sub
from medtorch.core.ops.copy import Cast
from medtorch.core.ops.elementwise import Neg, Rsqrt, Sqrt
from medtorch.core.ops.shape import Expand, Permute, Reshape

Array = Any
_FAITHFUL = (Add, Sub, Mul, Div, Neg, Sqrt, Rsqrt, Reshape, Regroup, Permute, Expand)
_CPU = device("cpu")


class Exact:
    """Float64 numbers of values that follow from constants."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._known: dict[Value, Array] = {}

    def __call__(self, value: Value) -> Array:
        """The numbers of `value`. Ops beside arithmetic and reshaping run in the model's dtype first."""
        if value in self._draft.constants:  # kept, those of all layers would take twice the memory of the model
            return self._computed(value, faithful=True).astype(np.float64)
        if value not in self._known:
            self._known[value] = self._computed(value, faithful=True).astype(np.float64)
        return self._known[value]

    def _computed(self, value: Value, *, faithful: bool) -> Array:
        if value in self._draft.constants:
            return move(self._draft.constants[value].array, _CPU)
        node = self._draft.made_by(value)
        if node is None:
            raise KeyError(value)
        floating = self._draft.specs[value].dtype.is_floating_point
        if faithful and isinstance(node.op, Cast) and floating and node.inputs[0] is not None:
            return self(node.inputs[0])
        exact = faithful and isinstance(node.op, _FAITHFUL) and floating
        kernels = kernels_for(_CPU)
        with kernels.quiet():
            taken = [
                None if v is None else self(v) if exact else self._computed(v, faithful=False) for v in node.inputs
            ]
            found = node.op.forward(kernels, *taken)
        return np.asarray(found[node.outputs.index(value)] if isinstance(found, tuple) else found)
