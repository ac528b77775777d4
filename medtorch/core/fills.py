"""Filling a tensor with random numbers, in place.

Source    semantics of torch's in-place samplers; the numbers are medtorch's own (medtorch/core/stream.py)
Requires  REQ-F-TEN-008
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core import dtypes
from medtorch.core.backends import move
from medtorch.core.inplace import overwrite
from medtorch.core.spec import describe
from medtorch.core.stream import Streaming, stream_of
from medtorch.errors import ArgumentError, DtypeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def _write(target: Tensor, values: np.ndarray[Any, Any], name: str) -> Tensor:
    """Round `values` once to the target's dtype, on its device."""
    array = move(values.astype(target.dtype.numpy), target.device)
    return overwrite(target, target._made(array, target.device), name)


def _floating(target: Tensor, name: str) -> dtypes.dtype:
    if not target.dtype.is_floating_point:
        raise DtypeError(f"{name}: needs a floating-point tensor{describe(tensor=target.spec)}")
    return target.dtype


def uniform_(
    self: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Streaming | None = None, **named: float
) -> Tensor:
    """Fill with numbers uniform on [from, to); the first may be given as `from` among a dict's keywords."""
    a, b = named.pop("from", from_), to
    if named:
        raise ArgumentError(f"uniform_: unknown argument {next(iter(named))!r}")
    if a > b:
        raise ArgumentError(f"uniform_: from {a} to {b} is no range")
    values = stream_of(generator).uniform(tuple(self.shape), _floating(self, "uniform_"))
    return _write(self, values.astype(np.float64) * (b - a) + a, "uniform_")


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Streaming | None = None) -> Tensor:
    """Fill with normal numbers."""
    if std < 0:
        raise ArgumentError(f"normal_: std must not be negative, got {std}")
    _floating(self, "normal_")
    return _write(self, stream_of(generator).normal(tuple(self.shape)) * std + mean, "normal_")


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Streaming | None = None) -> Tensor:
    """Fill with 1 with probability p, else 0."""
    odds = p.numpy(force=True) if hasattr(p, "_run") else np.float64(p)
    if not ((odds >= 0) & (odds <= 1)).all():
        raise ArgumentError("bernoulli_: probabilities must lie in [0, 1]")
    return _write(self, stream_of(generator).uniform(tuple(self.shape)) < odds, "bernoulli_")


def random_(self: Tensor, from_: int = 0, to: int | None = None, *, generator: Streaming | None = None) -> Tensor:
    """Fill with whole numbers from `from_` to `to` - 1; given one, below it; none, the dtype's whole range."""
    limit = {"float16": 2**11, "bfloat16": 2**8, "float32": 2**24, "float64": 2**53, "bool": 2}
    widest = limit.get(self.dtype.name) or dtypes.iinfo(self.dtype).max + (self.dtype is not dtypes.int64)
    low, high = (from_, to) if to is not None else (0, from_ or widest)
    return _write(self, stream_of(generator).integers(low, high, tuple(self.shape)), "random_")


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Streaming | None = None) -> Tensor:
    """Fill with numbers of the exponential distribution of rate `lambd`."""
    if lambd <= 0:
        raise ArgumentError(f"exponential_: the rate must be positive, got {lambd}")
    _floating(self, "exponential_")
    return _write(self, -np.log1p(-stream_of(generator).uniform(tuple(self.shape))) / lambd, "exponential_")
