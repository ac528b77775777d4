"""Jacobians by rows (reverse mode) or by columns (forward mode), and Hessians."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from medtorch.core.spec import describe
from medtorch.core.tensor import Tensor
from medtorch.core.trees import flatten, mapped, unflatten
from medtorch.errors import ArgumentError, DtypeError
from medtorch.func.batches import vmap
from medtorch.func.gradients import Argnums, _places, _split_aux, jvp, vjp


def _chosen(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Any, places: list[int]) -> Callable[..., Any]:
    """func of the arguments at `places` alone."""

    def of_chosen(*values: Any) -> Any:
        given = list(args)
        for place, value in zip(places, values, strict=True):
            given[place] = value
        return func(*given, **kwargs)

    return of_chosen


def _basis(leaves: list[Tensor]) -> list[Tensor]:
    """For each leaf (total, *shape): every direction of all leaves together, one at a time."""
    total = sum(leaf.numel() for leaf in leaves)
    found, start = [], 0
    for leaf in leaves:
        rows = leaf.detach().new_zeros((total, leaf.numel()))
        if leaf.numel():
            rows[start : start + leaf.numel()].fill_diagonal_(1) if hasattr(rows, "fill_diagonal_") else rows[
                start : start + leaf.numel()
            ].copy_(leaf.detach().new_ones(leaf.numel()).diag())
        found.append(rows.reshape(total, *leaf.shape))
        start += leaf.numel()
    return found


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """The Jacobian of func, row by row of the output, all at once by vmap: (*output shape, *input shape) for each.

    Outputs may be a tree: the result is that tree of Jacobians, each a tuple if `argnums` is one.
    """
    if _preallocate_and_copy:
        raise ArgumentError("jacrev: _preallocate_and_copy=True is not supported")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        places = _places(argnums, len(args), "jacrev")
        inputs = [args[place] for place in places]
        found = vjp(_chosen(func, args, kwargs, places), *inputs, has_aux=has_aux)
        out, vjp_fn = found[0], found[1]
        outs, structure = flatten(out)
        bases = _basis([_real(o, "jacrev") for o in outs])
        rows = vmap(lambda *ws: vjp_fn(unflatten(ws, structure)), chunk_size=chunk_size)(*bases)
        grads, in_structure = flatten(rows)
        results, start = [], 0
        for o in outs:
            part = [g.narrow(0, start, o.numel()).reshape(*o.shape, *g.shape[1:]) for g in grads]
            tree = unflatten(part, in_structure)
            results.append(tree if isinstance(argnums, tuple) else tree[0])
            start += o.numel()
        jacobian = unflatten(results, structure)
        return (jacobian, found[2]) if has_aux else jacobian

    return wrapper


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """The Jacobian of func, column by column of the input, all at once by vmap of forward mode. As jacrev else."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        places = _places(argnums, len(args), "jacfwd")
        inputs = tuple(args[place] for place in places)
        leaves, in_structure = flatten(inputs)
        bases = _basis([_real(leaf, "jacfwd") for leaf in leaves])
        chosen = _chosen(func, args, kwargs, places)

        def along(*directions: Any) -> Any:
            found = jvp(chosen, inputs, unflatten(directions, in_structure), has_aux=has_aux)
            return found[1:] if has_aux else (found[1],)

        out_dims: Any = (-1, None) if has_aux else (-1,)
        found = vmap(along, out_dims=out_dims, randomness=randomness)(*bases)
        columns, structure = flatten(found[0])
        results = [_split(column, leaves, in_structure, argnums) for column in columns]
        jacobian = unflatten(results, structure)
        return (jacobian, found[1]) if has_aux else jacobian

    return wrapper


def _split(column: Tensor, leaves: list[Tensor], structure: Any, argnums: Argnums) -> Any:
    """(*output, all directions) as one Jacobian a leaf."""
    parts, start = [], 0
    for leaf in leaves:
        parts.append(column.narrow(-1, start, leaf.numel()).reshape(*column.shape[:-1], *leaf.shape))
        start += leaf.numel()
    tree = unflatten(parts, structure)
    return tree if isinstance(argnums, tuple) else tree[0]


def _real(tensor: Any, name: str) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise ArgumentError(f"{name}: expected a tensor, got {type(tensor).__name__}")
    if not tensor.dtype.is_floating_point:
        raise DtypeError(f"{name}: takes floating-point tensors{describe(tensor=tensor.spec)}")
    return tensor


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The second derivatives of func: the Jacobian, in forward mode, of its gradient."""
    return jacfwd(jacrev(func, argnums), argnums)


__all__ = ["_split_aux", "hessian", "jacfwd", "jacrev", "mapped"]
