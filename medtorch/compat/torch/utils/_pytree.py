"""Nested lists, tuples and dicts as a flat list and the form to put it back in.

Source    semantics of torch.utils._pytree
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["TreeSpec", "tree_flatten", "tree_iter", "tree_leaves", "tree_map", "tree_structure", "tree_unflatten"]

PyTree = Any


@dataclass(frozen=True)
class TreeSpec:
    """The form of a nest: the kind of each node, what belongs to it, and the forms of its children."""

    type: Any
    context: Any
    children_specs: tuple[TreeSpec, ...]

    @property
    def num_leaves(self) -> int:
        return 1 if self.type is None else sum(child.num_leaves for child in self.children_specs)


_LEAF = TreeSpec(None, None, ())


def tree_flatten(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves from left to right, and the form."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, is_leaf, leaves)


def _flatten(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None, leaves: list[Any]) -> TreeSpec:
    children, context = _children(tree) if is_leaf is None or not is_leaf(tree) else (None, None)
    if children is None:
        leaves.append(tree)
        return _LEAF
    return TreeSpec(type(tree), context, tuple(_flatten(child, is_leaf, leaves) for child in children))


def _children(tree: PyTree) -> tuple[Sequence[Any] | None, Any]:
    if type(tree) in (dict, OrderedDict):
        return list(tree.values()), list(tree)
    if type(tree) in (list, tuple) or (isinstance(tree, tuple) and hasattr(tree, "_fields")):
        return tree, None
    return None, None


def tree_unflatten(leaves: Sequence[Any], treespec: TreeSpec) -> PyTree:
    """The nest of this form with these leaves. Raises ValueError if their number does not fit."""
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten: {len(leaves)} leaves for a tree of {treespec.num_leaves}")
    return _unflatten(iter(leaves), treespec)


def _unflatten(leaves: Iterator[Any], spec: TreeSpec) -> PyTree:
    if spec.type is None:
        return next(leaves)
    children = [_unflatten(leaves, child) for child in spec.children_specs]
    if spec.type in (dict, OrderedDict):
        return spec.type(zip(spec.context, children, strict=True))
    return spec.type(children) if spec.type in (list, tuple) else spec.type(*children)


def tree_map(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: Callable[[PyTree], bool] | None = None
) -> PyTree:
    """The nest with `func` applied to each leaf, and to those at the same places of `rests`."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(rest, is_leaf)[0] for rest in rests]
    return tree_unflatten([func(*group) for group in zip(leaves, *others, strict=True)], spec)


def tree_leaves(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> list[Any]:
    """The leaves from left to right."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> Iterator[Any]:
    """The leaves from left to right."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> TreeSpec:
    """The form alone."""
    return tree_flatten(tree, is_leaf)[1]
