"""Where in a checkpoint the state dict is: found, reported and, where there are several, left to the caller to name.

Requires  REQ-F-SER-006
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core.tensor import Tensor
from medtorch.errors import StateDictError
from medtorch.serialize.guards import kind_of, shown

_DEPTH = 3  # levels of dicts that are searched


@dataclass(frozen=True)
class Candidate:
    """A dict of tensors: the keys that lead to it, joined by dots ('' for the top level), and the prefix they share."""

    key: str
    tensors: int
    prefix: str

    def __str__(self) -> str:
        place = f"key {self.key!r}" if self.key else "the top level"
        shared = f", every name starts with {self.prefix!r}" if self.prefix else ""
        return f"{place}: {self.tensors} tensors{shared}"


@dataclass(frozen=True, eq=False)
class FoundStateDict:
    """The chosen state dict, where it was, every other candidate, and the prefix that was taken off its names."""

    tensors: OrderedDict[str, Any]
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    stripped: str


def find_state_dict(data: Any, key: str | None = None, *, strip_prefix: str = "") -> FoundStateDict:
    """The state dict of a checkpoint: the one dict of tensors there is, or the one that `key` names.

    Names are left as they are; `strip_prefix` ('module.', 'model.') is taken off, and must be on every one of them.

    Raises    StateDictError where there is none, or several and no `key`, or `key` is none of them, or the prefix is
              not on every name
    """
    found = OrderedDict((candidate.key, (candidate, tensors)) for candidate, tensors in _candidates(data, ()))
    listed = "".join(f"\n  {candidate}" for candidate, _ in found.values())
    if not found:
        raise StateDictError(f"no state dict found: {_outline(data)}")
    if key is None:
        if len(found) > 1:
            raise StateDictError(f"{len(found)} state dicts found; name one with key=...{listed}")
        key = next(iter(found))
    if key not in found:
        raise StateDictError(f"no state dict under key {key!r}; found{listed}")
    chosen, tensors = found[key]
    return FoundStateDict(
        _without(tensors, strip_prefix), chosen, tuple(candidate for candidate, _ in found.values()), strip_prefix
    )


def _candidates(data: Any, path: tuple[str, ...]) -> Iterator[tuple[Candidate, Mapping[str, Any]]]:
    if not isinstance(data, Mapping) or not data or not all(isinstance(key, str) for key in data):
        return
    if all(isinstance(value, (Tensor, np.ndarray)) for value in data.values()):
        yield Candidate(".".join(path), len(data), _shared_prefix(list(data))), data
    elif len(path) < _DEPTH:
        for key, value in data.items():
            yield from _candidates(value, (*path, key))


def _shared_prefix(names: list[str]) -> str:
    """The first part of the names, with its dot, where all share it and none is only that."""
    first = names[0].partition(".")[0] + "."
    return first if all(name.startswith(first) for name in names) else ""


def _without(tensors: Mapping[str, Any], prefix: str) -> OrderedDict[str, Any]:
    without = [name for name in tensors if not name.startswith(prefix)]
    if without:
        raise StateDictError(f"strip_prefix: {len(without)} names do not start with {prefix!r}, as {shown(without[0])}")
    return OrderedDict((name[len(prefix) :], value) for name, value in tensors.items())


def _outline(data: Any) -> str:
    if not isinstance(data, Mapping):
        return f"the file holds a {kind_of(data)}"
    parts = [f"{shown(key)} ({kind_of(value)})" for key, value in list(data.items())[:12]]
    more = f" and {len(data) - 12} more" if len(data) > 12 else ""
    return f"the file holds a dict of {', '.join(parts) or 'nothing'}{more}"
