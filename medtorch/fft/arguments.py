"""What all transforms ask of their arguments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from medtorch.core import dtypes
from medtorch.core.ops.fft import lengthened
from medtorch.core.ops.op import require
from medtorch.core.shapes import Shape, normalize_dim
from medtorch.errors import ArgumentError, DimError, DtypeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

NORMS = (None, "backward", "forward", "ortho")


def numbers(name: str, input: Tensor, norm: str | None, *, real: bool = False) -> Tensor:
    """The input as numbers that can be transformed.

    Raises    ArgumentError for an unknown norm; DtypeError for complex input where it must be real;
              UnsupportedError for 16-bit numbers
    """
    require(norm in NORMS, ArgumentError, name, f"norm must be backward, forward or ortho, got {norm!r}")
    if input.dtype.is_floating_point and input.dtype.itemsize == 2:
        raise UnsupportedError(f"{name}: {input.dtype!r} is not supported; use float32")
    require(not (real and input.dtype.is_complex), DtypeError, name, "takes real numbers", input=input.spec)
    return input if input.dtype.is_differentiable else input.to(dtypes.get_default_dtype())


def size_of(name: str, given: int | None, otherwise: int) -> int:
    """The number of points of a transform. Raises ArgumentError where there is none."""
    size = otherwise if given is None else int(given)
    require(size >= 1, ArgumentError, name, f"a transform needs at least 1 point, got {size}")
    return size


def place_of(name: str, input: Tensor, dim: int) -> int:
    """`dim` counted from the front. Raises DimError for a tensor without dims."""
    require(input.ndim > 0, DimError, name, "needs at least 1 dim", input=input.spec)
    return normalize_dim(dim, input.ndim, op=name)


def places_of(
    name: str, input: Tensor, s: Sequence[int] | None, dim: int | Sequence[int] | None
) -> tuple[Shape, tuple[int | None, ...]]:
    """The dims counted from the front, and for each the size asked for (None where its own stays)."""
    given = None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    sizes: tuple[int | None, ...] | None = None if s is None else (s,) if isinstance(s, int) else tuple(s)
    if given is None:
        count = input.ndim if sizes is None else len(sizes)
        require(count <= input.ndim, ArgumentError, name, f"{count} sizes for {input.ndim} dims", input=input.spec)
        given = tuple(range(input.ndim - count, input.ndim))
    dims = tuple(normalize_dim(d, input.ndim, op=name) for d in given)
    require(len(set(dims)) == len(dims), DimError, name, f"dims are named twice: {given}", input=input.spec)
    sizes = (None,) * len(dims) if sizes is None else sizes
    require(len(sizes) == len(dims), ArgumentError, name, f"{len(sizes)} sizes for {len(dims)} dims", input=input.spec)
    return dims, tuple(None if n in (None, -1) else n for n in sizes)


def fitted(name: str, x: Tensor, dims: Shape, sizes: Sequence[int | None]) -> tuple[Tensor, int]:
    """x with the sizes asked for, and how many numbers one transform takes."""
    counts = [size_of(name, n, x.shape[d]) for d, n in zip(dims, sizes, strict=True)]
    for d, n in zip(dims, counts, strict=True):
        x = lengthened(x, d, n)
    return x, math.prod(counts)
