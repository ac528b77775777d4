"""Putting tensors together and taking them apart by rows, columns and depth; corners of matrices as index pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medtorch.core.ops.op import require
from medtorch.core.ops.shape import cat, tensor_split
from medtorch.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def _each(tensors: tuple[Any, ...], one: Any) -> Any:
    """`one` of a single tensor, or of each of several as a tuple."""
    if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)):
        return one(tensors[0])
    return tuple(one(t) for t in (tensors[0] if len(tensors) == 1 else tensors))


def atleast_1d(*tensors: Any) -> Any:
    """0-d tensors with a dim of size 1.

    Source    semantics of torch.atleast_1d
    """
    return _each(tensors, lambda t: t.reshape(1) if t.ndim == 0 else t)


def atleast_2d(*tensors: Any) -> Any:
    """Tensors of fewer than 2 dims with dims of size 1 in front.

    Source    semantics of torch.atleast_2d
    """
    return _each(tensors, lambda t: t.reshape(1, -1) if t.ndim < 2 else t)


def atleast_3d(*tensors: Any) -> Any:
    """Tensors of fewer than 3 dims as (1, n, 1) or (n, m, 1).

    Source    semantics of torch.atleast_3d
    """
    return _each(tensors, lambda t: t.reshape(1, -1, 1) if t.ndim < 2 else t.unsqueeze(-1) if t.ndim == 2 else t)


def _some(name: str, tensors: Sequence[Tensor]) -> None:
    require(len(tensors) > 0, ArgumentError, name, "needs at least one tensor")


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Rows below each other.

    Source    semantics of torch.vstack
    """
    _some("vstack", tensors)
    return cat([atleast_2d(t) for t in tensors], 0)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Beside each other, along the second dim; vectors along their only one.

    Source    semantics of torch.hstack
    """
    _some("hstack", tensors)
    many = [atleast_1d(t) for t in tensors]
    return cat(many, 0 if many[0].ndim == 1 else 1)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Behind each other, along the third dim.

    Source    semantics of torch.dstack
    """
    _some("dstack", tensors)
    return cat([atleast_3d(t) for t in tensors], 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Vectors as columns, beside each other.

    Source    semantics of torch.column_stack
    """
    _some("column_stack", tensors)
    return hstack([t.reshape(-1, 1) if t.ndim <= 1 else t for t in tensors])


def vsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Pieces along the first dim.

    Source    semantics of torch.vsplit
    """
    return _split("vsplit", input, indices_or_sections, 2, 0)


def hsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Pieces along the second dim; of vectors along their only one.

    Source    semantics of torch.hsplit
    """
    return _split("hsplit", input, indices_or_sections, 1, 0 if input.ndim == 1 else 1)


def dsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Pieces along the third dim.

    Source    semantics of torch.dsplit
    """
    return _split("dsplit", input, indices_or_sections, 3, 2)


def _split(name: str, input: Tensor, pieces: int | Sequence[int], least: int, dim: int) -> tuple[Tensor, ...]:
    require(input.ndim >= least, ShapeError, name, f"needs at least {least} dims", input=input.spec)
    if isinstance(pieces, int):
        even = pieces > 0 and input.shape[dim] % pieces == 0
        require(
            even, ArgumentError, name, f"{input.shape[dim]} do not part into {pieces} equal pieces", input=input.spec
        )
    return tensor_split(input, pieces, dim)


def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of a larger one, zero elsewhere.

    Source    semantics of torch.block_diag
    """
    _some("block_diag", tensors)
    many = [atleast_2d(t) for t in tensors]
    for number, t in enumerate(many):
        require(t.ndim == 2, ShapeError, "block_diag", f"tensor {number} has more than 2 dims", tensor=t.spec)
    width = sum(t.shape[1] for t in many)
    rows, left = [], 0
    for t in many:
        before, after = t.new_zeros((t.shape[0], left)), t.new_zeros((t.shape[0], width - left - t.shape[1]))
        rows.append(cat([before, t, after], 1))
        left += t.shape[1]
    return cat(rows, 0)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by k quarters, from the first of two dims towards the second.

    Source    semantics of torch.rot90
    """
    require(len(dims) == 2 and input.ndim >= 2, ArgumentError, "rot90", "needs two dims", input=input.spec)
    first, second = (d % input.ndim for d in dims)
    apart = first != second
    require(apart, ArgumentError, "rot90", f"the two dims are one and the same ({first})", input=input.spec)
    quarters = k % 4
    if quarters == 2:
        return input.flip((first, second))
    if quarters == 0:
        return input.clone()
    turned = input.flip(second) if quarters == 1 else input.flip(first)
    return turned.transpose(first, second).contiguous()


def ravel(input: Tensor) -> Tensor:
    """All numbers in one dim.

    Source    semantics of torch.ravel
    """
    return input.reshape(-1)
