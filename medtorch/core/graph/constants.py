"""Constants of all plans of one compiled model: copies that cannot be written to, each kept once.

Plans for several input shapes fold the same weights; equal bytes are the same constant. A plan is made layer by layer:
a constant is copied when the first node takes it, and let go as soon as all of its users have packed what they need.

Requires  REQ-F-CMP-006
"""

from __future__ import annotations

import hashlib
import itertools
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from medtorch.core.backends import move
from medtorch.core.devices import device
from medtorch.core.graph.ir import Constant, Value
from medtorch.core.graph.recording import Touch, span_of
from medtorch.core.kernels import Kernels

Array = Any
_CPU = device("cpu")


class ConstantPool:
    """Holds a constant for as long as a plan does, and its packed forms for later plans."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[bytes, Array] = weakref.WeakValueDictionary()
        self._packed: dict[bytes, dict[Any, Any]] = {}

    def frozen(self, array: Array, kernels: Kernels, key: bytes | None = None) -> Array:
        """The array of the pool with these bytes, so that what becomes of the model's own does not matter.

        `key` tells constants apart where that is known; else their digests do.
        """
        key = _key(array) if key is None else key
        found = self._known.get(key)
        if found is None:
            found = read_only(array)
            self._known[key] = found
        if key in self._packed:  # the arrays that it was packed from may be gone
            kernels.lend_packed(found, self._packed[key])
        return found

    def freezing(self, kernels: Kernels, *, shared: bool) -> Callable[[Constant], Array]:
        """What freezes the constants of one plan. Digests are for plans that may share them."""
        number = itertools.count()
        if shared:
            return lambda constant: self.frozen(constant.array, kernels)
        return lambda constant: self.frozen(constant.array, kernels, b"of one plan %d" % next(number))

    def keep_packed(self, array: Array, kernels: Kernels) -> None:
        """Keep what kernels have packed of a constant for later plans."""
        key = next((key for key, known in list(self._known.items()) if known is array), None)
        if key is not None:
            self._packed.setdefault(key, {}).update(kernels.packed_forms(array))

    def bytes(self) -> int:
        """What all constants take up together."""
        alive = (ref() for ref in self._known.valuerefs())  # a list: another thread may be adding to the pool
        return sum(int(array.nbytes) for array in alive if array is not None)

    def __len__(self) -> int:
        return len(self._known)


class Supply:
    """The constants of one plan while it is made: `made` are those that are left of them."""

    def __init__(
        self,
        constants: dict[Value, Constant],
        kernels: Kernels,
        freeze: Callable[[Constant], Array],
        packed: Callable[[Array], None] = lambda array: None,
        *,
        keep: bool = False,
    ) -> None:
        """Takes the entries out of `constants`. `packed` sees each when it was used; with `keep` none is let go."""
        self.made: dict[Value, Constant] = {}
        self._waiting, self._kernels, self._freeze, self._packed = constants, kernels, freeze, packed
        self._read: set[Value] = set() if not keep else set(constants)

    def array(self, value: Value) -> Array | None:
        """The constant; None for what is none."""
        if value in self._waiting:
            constant = self._waiting.pop(value)
            self.made[value] = Constant(self._freeze(constant), constant.name)
        return self.made[value].array if value in self.made else None

    def rest(self) -> None:
        """Take what no node took: what goes out as it is."""
        for value in list(self._waiting):
            self.array(value)

    def used(self, taken: Iterable[Value | None], jobs: Iterable[list[Touch]] | None) -> None:
        """A node took these values and is these jobs; None where it is more than jobs."""
        mine = [value for value in taken if value is not None and value in self.made]
        if jobs is None:
            self._read.update(mine)
            return
        reads = [touch.span for job in jobs for touch in job if not touch.writes]
        for value in mine:
            span = span_of(self.made[value].array)
            if any(one.first < span.end and span.first < one.end for one in reads):
                self._read.add(value)

    def done(self, value: Value) -> None:
        """The last user of a value is ready: a constant that was only packed is let go."""
        constant = self.made.get(value)
        if constant is None:
            return
        self._packed(constant.array)
        stand_in = None if value in self._read else self._kernels.stand_in(constant.array)
        if stand_in is not None:
            self.made[value] = Constant(stand_in, constant.name)


def read_only(array: Array) -> Array:
    """A copy without gaps that cannot be written to and owns its memory: what kernels pack once."""
    found = array.copy(order="K")
    if isinstance(found, np.ndarray):
        found.flags.writeable = False
    return found


def _key(array: Array) -> bytes:
    digest = hashlib.blake2b(digest_size=32)
    digest.update(f"{array.dtype.name} {array.shape} {array.strides}".encode())
    digest.update(np.ascontiguousarray(move(array, _CPU)).reshape(-1).view(np.uint8).data)
    return digest.digest()
