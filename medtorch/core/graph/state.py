"""Watches the parameters and buffers of a compiled model: plans hold copies of their numbers.

Requires  REQ-F-CMP-006
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter, is_, itemgetter
from typing import Any

from medtorch.core.graph.capture import named
from medtorch.core.tensor import Tensor
from medtorch.errors import CompileError

Array = Any
_FIRST, _ARRAY = itemgetter(0), attrgetter("_array")


@dataclass(frozen=True, slots=True)
class _Guard:
    """A parameter or buffer as it was when the model was compiled, and the dict of its module that holds it."""

    name: str
    holder: dict[str, Any]
    key: str
    tensor: Tensor
    array: Array
    counter: list[int]
    version: int


class _Columns:
    """Guards as lists, field by field."""

    def __init__(self, guards: list[_Guard]) -> None:
        self.counters, self.versions = [g.counter for g in guards], [g.version for g in guards]
        self.holders, self.keys = [g.holder for g in guards], [g.key for g in guards]
        self.tensors, self.arrays = [g.tensor for g in guards], [g.array for g in guards]


class ModelState:
    """A module's own tensors; none for a plain function, whose tensors nobody can list."""

    def __init__(self, model: Callable[..., Any]) -> None:
        self._all = [
            _Guard(_joined(prefix, key), holder, key, tensor, tensor._array, tensor._counter, tensor._version)
            for prefix, module in named(model, "named_modules")
            for holder in (module._parameters, module._buffers)
            for key, tensor in holder.items()
            if tensor is not None
        ]
        self._used: list[_Guard] = []
        self._columns = _Columns([])
        self._ids: frozenset[int] = frozenset()

    def use(self, arrays: frozenset[int]) -> None:
        """From now on the arrays of these ids are used by a plan, too."""
        self._ids |= arrays
        self._used = [guard for guard in self._all if id(guard.array) in self._ids]
        self._columns = _Columns(self._used)

    def use_all(self) -> None:
        """From now on every tensor of the model is used by a plan."""
        self._ids |= frozenset(id(guard.array) for guard in self._all)
        self._used = list(self._all)
        self._columns = _Columns(self._used)

    def check_used(self) -> None:
        """Raise CompileError if a tensor that a plan was made of was written to, moved or replaced."""
        if not self._unchanged():
            _check(self._used)

    def _unchanged(self) -> bool:
        """The same question for all at once, without a step of Python for each."""
        one = self._columns
        return (
            list(map(_FIRST, one.counters)) == one.versions
            and all(map(is_, map(dict.get, one.holders, one.keys), one.tensors))
            and all(map(is_, map(_ARRAY, one.tensors), one.arrays))
        )

    def check_all(self) -> None:
        """The same for every tensor of the model: a new plan must be made of the model that the others were made of."""
        _check(self._all)

    def release(self) -> None:
        """Take their memory from all of the model's tensors; from now on nothing is watched."""
        for guard in self._all:
            guard.tensor._array = _Released(guard.name)
        self._all, self._used, self._columns = [], [], _Columns([])


class _Released:
    """Stands where a tensor's numbers were: whoever asks for anything of them is told."""

    def __init__(self, name: str) -> None:
        self.__dict__["name"] = name

    def __getattr__(self, attribute: str) -> Any:
        raise CompileError(
            f"compile: the memory of {self.name} was released when its model was compiled (release=True): "
            "only the compiled model can be called"
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__getattr__("__array__")


def _check(guards: list[_Guard]) -> None:
    for guard in guards:
        tensor = guard.tensor
        same = guard.holder.get(guard.key) is tensor and tensor._array is guard.array
        if not same or guard.counter[0] != guard.version:
            raise CompileError(
                f"compile: {guard.name} of the model was changed, moved or replaced since the model was compiled; "
                "compile it again"
            )


def _joined(prefix: str, key: str) -> str:
    return f"{prefix}.{key}" if prefix else key
