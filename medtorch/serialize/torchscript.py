"""TorchScript archives (torch.jit.save): their tensors as a state dict by attribute path. Their code is never read.

Parameters, buffers and other tensor attributes stand under their path ('layer1.0.weight'), tensors in lists and dicts
under the index or key. Constants of the code stand under 'CONSTANTS.c0', as the code calls them.

Source    PyTorch, torch/csrc/jit/docs/serialization.md
Requires  REQ-F-SER-005
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from medtorch.errors import FormatError, LimitError, UnsafeError
from medtorch.serialize.limits import Limits
from medtorch.serialize.records import ScriptObject, TensorRef
from medtorch.serialize.torchzip import read_pickle
from medtorch.serialize.ziparchive import ZipArchive


def is_torchscript(archive: ZipArchive, folder: str) -> bool:
    """Whether an archive of PyTorch holds code besides data."""
    return f"{folder}/constants.pkl" in archive.entries


def read_torchscript(
    archive: ZipArchive, folder: str, limits: Limits, notes: list[str]
) -> tuple[OrderedDict[str, TensorRef], OrderedDict[str, TensorRef]]:
    """Tensor records by path: those of the module (storages in data/), those of the code (storages in constants/)."""
    module = read_pickle(archive, folder, "data.pkl", limits, notes, script=True)
    if type(module) is not ScriptObject:
        raise FormatError(f"{archive.source.name}: a TorchScript archive whose data are no module")
    constants = read_pickle(archive, folder, "constants.pkl", limits, notes, script=True)
    if type(constants) is not tuple:
        raise FormatError(f"{archive.source.name}: a TorchScript archive whose constants are no tuple")
    walk = _Walk(archive.source.name, limits)
    state = OrderedDict(walk.tensors(module))
    named = {f"CONSTANTS.c{index}": value for index, value in enumerate(constants)}
    fixed = OrderedDict((name, value) for name, value in named.items() if type(value) is TensorRef)
    return state, fixed


class _Walk:
    """Finds the tensors of a module, its parts and their lists and dicts; bounded in depth and number."""

    def __init__(self, name: str, limits: Limits) -> None:
        self._name, self._limits = name, limits
        self._counts: dict[int, int] = {}
        self._open: set[int] = set()

    def tensors(self, module: ScriptObject) -> Iterator[tuple[str, TensorRef]]:
        count = self._count(module, 0)
        self._limits.hold("tensors", count, f"{self._name}: tensors of the module, shared ones where they are used")
        return self._below(module, ())

    def _count(self, value: Any, depth: int) -> int:
        """Tensors at or below a value; each container is looked into once, however often it is used."""
        if type(value) is TensorRef:
            return 1
        if type(value) not in _CONTAINERS:
            return 0
        if id(value) in self._open:
            raise UnsafeError(f"{self._name}: a module that contains itself")
        if depth >= self._limits.nesting:
            raise LimitError(f"{self._name}: nested deeper than the limit of {self._limits.nesting} (Limits.nesting)")
        if id(value) not in self._counts:
            self._open.add(id(value))
            self._counts[id(value)] = sum(self._count(item, depth + 1) for _, item in _items(value))
            self._open.remove(id(value))
        return self._counts[id(value)]

    def _below(self, value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, TensorRef]]:
        if type(value) is TensorRef:
            yield ".".join(path), value
        elif self._counts.get(id(value)):
            for key, item in _items(value):
                yield from self._below(item, (*path, key))


_CONTAINERS = (ScriptObject, dict, OrderedDict, list, tuple)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if type(value) is ScriptObject:
        yield from value.attributes.items()
    elif type(value) in (list, tuple):
        yield from ((str(index), item) for index, item in enumerate(value))
    else:
        yield from ((str(key), item) for key, item in value.items())
