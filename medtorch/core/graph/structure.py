"""Nested inputs and outputs as flat lists, and back.

Requires  REQ-F-CMP-004
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import CompileError


@dataclass(frozen=True, slots=True)
class Leaf:
    """A place where a tensor stood."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Something that is no tensor and is handed back as it is. Its kind tells 1, 1.0 and True apart."""

    value: Any
    kind: type


@dataclass(frozen=True, slots=True)
class Group:
    """A tuple, named tuple, list or dict of structures."""

    kind: type
    keys: tuple[Any, ...] | None
    parts: tuple[Structure, ...]


Structure = Leaf | Plain | Group
_PLAIN = (bool, int, float, str, type(None))


def taken_apart(value: Any, what: str) -> tuple[list[Tensor], Structure]:
    """The tensors inside `value`, in order, and how they stood. Raises CompileError for what cannot be rebuilt."""
    tensors: list[Tensor] = []
    return tensors, _apart(value, what, tensors)


def _apart(value: Any, what: str, tensors: list[Tensor]) -> Structure:
    if isinstance(value, Tensor):
        tensors.append(value)
        return Leaf()
    if isinstance(value, _PLAIN):
        return Plain(value, type(value))
    if isinstance(value, dict):
        return Group(type(value), tuple(value), tuple(_apart(v, what, tensors) for v in value.values()))
    if isinstance(value, (tuple, list)):
        return Group(type(value), None, tuple(_apart(v, what, tensors) for v in value))
    raise CompileError(
        f"compile: {what} holds a {type(value).__name__}; tensors, numbers, texts and None in tuples, lists and dicts "
        "can be handed in and out"
    )


def put_together(structure: Structure, tensors: list[Tensor]) -> Any:
    """What `taken_apart` was given, with other tensors."""
    return _together(structure, iter(tensors))


def _together(structure: Structure, tensors: Iterator[Tensor]) -> Any:
    if isinstance(structure, Leaf):
        return next(tensors)
    if isinstance(structure, Plain):
        return structure.value
    parts = [_together(part, tensors) for part in structure.parts]
    if structure.keys is not None:
        return _dict(structure.kind, dict(zip(structure.keys, parts, strict=True)))
    make: Callable[..., Any] = structure.kind
    return make(*parts) if hasattr(structure.kind, "_fields") else make(parts)


def _dict(kind: type, found: dict[Any, Any]) -> Any:
    return found if kind is dict else kind(found)
