"""Nested tuples, lists and dicts as flat lists, and back.

Source    semantics of torch.utils._pytree
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from medtorch.errors import ArgumentError


@dataclass(frozen=True)
class Structure:
    """What a flat list has to be put into: a container's type, its keys, its parts; or a leaf."""

    kind: type | None = None
    keys: tuple[Any, ...] = ()
    parts: tuple[Structure, ...] = ()

    @property
    def count(self) -> int:
        return 1 if self.kind is None else sum(part.count for part in self.parts)


LEAF = Structure()


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves in order, and how they were put together."""
    children, keys = _children(tree)
    if children is None:
        return [tree], LEAF
    found = [flatten(child) for child in children]
    leaves = [leaf for part, _ in found for leaf in part]
    return leaves, Structure(type(tree), keys, tuple(structure for _, structure in found))


def _children(tree: Any) -> tuple[list[Any] | None, tuple[Any, ...]]:
    if isinstance(tree, dict):
        return list(tree.values()), tuple(tree)
    if isinstance(tree, (tuple, list)) and type(tree).__name__ != "Size":
        return list(tree), ()
    return None, ()


def unflatten(leaves: Sequence[Any], structure: Structure) -> Any:
    """The leaves put together as they were."""
    rest = iter(leaves)
    return _filled(rest, structure)


def _filled(rest: Any, structure: Structure) -> Any:
    if structure.kind is None:
        return next(rest)
    parts = [_filled(rest, part) for part in structure.parts]
    if issubclass(structure.kind, dict):
        return structure.kind(zip(structure.keys, parts, strict=True))
    kind: Any = structure.kind
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same tree with every leaf changed."""
    leaves, structure = flatten(tree)
    return unflatten([function(leaf) for leaf in leaves], structure)


def spread(prefix: Any, structure: Structure, name: str) -> list[Any]:
    """One entry of `prefix` for every leaf: an entry may stand for a whole branch.

    Raises    ArgumentError if the two do not fit
    """
    if not isinstance(prefix, (tuple, list, dict)):
        return [prefix] * structure.count
    children, keys = _children(prefix)
    same = structure.kind is not None and isinstance(prefix, dict) == issubclass(structure.kind, dict)
    if not same or len(children or ()) != len(structure.parts) or set(keys) != set(structure.keys):
        raise ArgumentError(f"{name}: {prefix!r} does not fit the structure of what it is for")
    ordered = [prefix[key] for key in structure.keys] if isinstance(prefix, dict) else list(children or ())
    return [entry for part, sub in zip(ordered, structure.parts, strict=True) for entry in spread(part, sub, name)]
