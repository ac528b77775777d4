"""From the records of a pickle to the value that the caller gets: tensors made, sharing kept, cycles and bombs refused.

Requires  REQ-F-SER-004, REQ-S-SEC-003
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from medtorch.core.devices import device
from medtorch.core.tensor import Size
from medtorch.errors import FormatError, LimitError, UnsafeError
from medtorch.serialize.guards import kind_of
from medtorch.serialize.limits import Limits
from medtorch.serialize.records import (
    DtypeName,
    NumpyArrayState,
    StorageRef,
    TensorRef,
)
from medtorch.serialize.storages import Array, Storages

MakeTensor = Callable[[Array, bool], Any]

_PLAIN = (str, bytes, int, float, bool, type(None))


@dataclass(eq=False)
class Resolver:
    """Turns the records of one file into values, each record and each container once."""

    name: str
    limits: Limits
    storages: Storages
    make: MakeTensor  # (array, requires_grad) -> what stands for a tensor
    _done: dict[int, tuple[Any, int, Any]] = field(default_factory=dict)  # id -> (value, its size, the original)
    _open: set[int] = field(default_factory=set)

    def value(self, raw: Any) -> Any:
        """The value of a record or of nested data; raises FormatError, LimitError, UnsafeError."""
        return self._value(raw, 0)[0]

    def _value(self, raw: Any, depth: int) -> tuple[Any, int]:
        """A value, and how many values it is when every shared one is counted where it is used."""
        if type(raw) in _PLAIN:
            return raw, 1
        known = self._done.get(id(raw))
        if known is not None:
            return known[0], known[1]
        if id(raw) in self._open:
            raise UnsafeError(f"{self.name}: a container that contains itself")
        if depth >= self.limits.nesting:
            raise LimitError(f"{self.name}: nested deeper than the limit of {self.limits.nesting} (Limits.nesting)")
        self._open.add(id(raw))
        value, size = self._make(raw, depth + 1)
        self._open.remove(id(raw))
        if size > self.limits.expanded_objects:
            raise LimitError(
                f"{self.name}: shared containers stand for more than {self.limits.expanded_objects} values "
                "(Limits.expanded_objects)"
            )
        self._done[id(raw)] = (value, size, raw)  # keeping `raw` keeps its id its own
        return value, size

    def _make(self, raw: Any, depth: int) -> tuple[Any, int]:
        kind = type(raw)
        if kind is tuple or kind is list:
            pairs = [self._value(item, depth) for item in raw]
            items = [value for value, _ in pairs]
            return (tuple(items) if kind is tuple else items), 1 + sum(size for _, size in pairs)
        if kind is dict or kind is OrderedDict or kind is Counter:
            return self._dict(raw, depth)
        if kind is TensorRef:
            return self.make(self.storages.tensor(raw), raw.requires_grad), 1
        if kind is StorageRef:
            return self.make(self.storages.whole(raw), False), 1
        if kind is DtypeName:
            return raw.dtype, 1
        if kind is NumpyArrayState:
            if raw.value is None:
                raise FormatError(f"{self.name}: a NumPy array without contents")
            return raw.value, 1
        if kind is Size or kind is device or kind.__module__ == "numpy":
            return raw, 1
        raise UnsafeError(f"{self.name}: a {kind_of(raw)} stands where a value should be")

    def _dict(self, raw: Any, depth: int) -> tuple[Any, int]:
        total = 1
        result = type(raw)()
        for key, item in raw.items():
            result[key], size = self._value(item, depth)
            total += 1 + size
        if type(raw) is OrderedDict and hasattr(raw, "_metadata"):
            result._metadata, size = self._value(raw._metadata, depth)
            total += size
        return result, total
