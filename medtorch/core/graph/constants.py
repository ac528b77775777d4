"""Constants of all plans of one compiled model: copies that cannot be written to, each kept once.

Plans for several input shapes fold the same weights; equal bytes are the same constant.

Requires  REQ-F-CMP-006
"""

from __future__ import annotations

import hashlib
import weakref
from dataclasses import replace
from typing import Any

import numpy as np

from medtorch.core.backends import move
from medtorch.core.devices import device
from medtorch.core.graph.ir import Graph

Array = Any
_CPU = device("cpu")


class ConstantPool:
    """Holds a constant for as long as a plan does."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[bytes, Array] = weakref.WeakValueDictionary()
        self._packed: dict[bytes, dict[Any, Any]] = {}

    def frozen(self, graph: Graph) -> Graph:
        """`graph` with constants of the pool, so that what becomes of the model's own arrays does not matter to it."""
        constants = {value: replace(c, array=self._kept(c.array)) for value, c in graph.constants.items()}
        return replace(graph, constants=constants)

    def lend_packed(self, graph: Graph, kernels: Any) -> None:
        """Let kernels find what they have packed for earlier plans: the arrays that it was packed from may be gone."""
        for constant in graph.constants.values() if self._packed else ():
            kernels.lend_packed(constant.array, self._packed.get(_key(constant.array), {}))

    def keep_packed(self, graph: Graph, kernels: Any) -> None:
        """Keep what kernels have packed of the constants for later plans."""
        for constant in graph.constants.values():
            forms = kernels.packed_forms(constant.array)
            if forms:
                self._packed.setdefault(_key(constant.array), {}).update(forms)

    def _kept(self, array: Array) -> Array:
        key = _key(array)
        found = self._known.get(key)
        if found is None:
            found = array.copy(order="K")
            if isinstance(found, np.ndarray):
                found.flags.writeable = False
            self._known[key] = found
        return found

    def bytes(self) -> int:
        """What all constants take up together."""
        alive = (ref() for ref in self._known.valuerefs())  # a list: another thread may be adding to the pool
        return sum(int(array.nbytes) for array in alive if array is not None)

    def __len__(self) -> int:
        return len(self._known)


def _key(array: Array) -> bytes:
    digest = hashlib.blake2b(digest_size=32)
    digest.update(f"{array.dtype.name} {array.shape} {array.strides}".encode())
    digest.update(np.ascontiguousarray(move(array, _CPU)).tobytes())
    return digest.digest()
