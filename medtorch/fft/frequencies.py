"""The frequencies that the places of a spectrum stand for, and zero frequency in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtorch.core.creation import tensor
from medtorch.core.ops.op import require
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """0, 1, ..., then the negative ones, over n d: cycles a unit for samples `d` units apart.

    Raises    ArgumentError for n < 1 or d = 0
    """
    _check("fft.fftfreq", n, d)
    order = [k if k < (n + 1) // 2 else k - n for k in range(n)]
    return tensor([k / (n * d) for k in order], dtype=dtype, device=device, requires_grad=requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of rfft's half: 0 to n // 2 over n d.

    Raises    ArgumentError for n < 1 or d = 0
    """
    _check("fft.rfftfreq", n, d)
    return tensor([k / (n * d) for k in range(n // 2 + 1)], dtype=dtype, device=device, requires_grad=requires_grad)


def _check(name: str, n: int, d: float) -> None:
    require(n >= 1, ArgumentError, name, f"n must be at least 1, got {n}")
    require(d != 0, ArgumentError, name, "d must not be 0")


def fftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Zero frequency from the first place to the middle of each dim."""
    return _rolled(input, dim, half_up=False)


def ifftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Zero frequency from the middle back to the first place."""
    return _rolled(input, dim, half_up=True)


def _rolled(input: Tensor, dim: int | Sequence[int] | None, *, half_up: bool) -> Tensor:
    dims = tuple(range(input.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    shifts = tuple((input.shape[d] + half_up) // 2 for d in dims)
    return input.roll(shifts, dims) if dims else input.clone()
