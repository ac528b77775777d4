"""Transforms along several dims, all unless `dim` or `s` say otherwise; the `2` ones along the last two."""

from __future__ import annotations

import math
from collections.abc import Sequence

from medtorch.core.ops.complex import conj
from medtorch.core.ops.fft import complex_transform, factor_of, half_to_real, lengthened, real_to_half
from medtorch.core.ops.op import require
from medtorch.core.tensor import Tensor
from medtorch.errors import DimError
from medtorch.fft.arguments import fitted, numbers, places_of, size_of

Sizes = Sequence[int] | None
Dims = int | Sequence[int] | None
LAST_TWO = (-2, -1)


def _complex(name: str, input: Tensor, s: Sizes, dim: Dims, norm: str | None, *, forward: bool) -> Tensor:
    x = numbers(name, input, norm)
    dims, sizes = places_of(name, x, s, dim)
    x, count = fitted(name, x, dims, sizes)
    factor = factor_of(norm, count, forward=forward)
    if not dims:
        return x if x.dtype.is_complex else x.to(x.dtype.to_complex())
    return complex_transform(x, dims, factor, forward=forward)


def _to_half(name: str, input: Tensor, s: Sizes, dim: Dims, norm: str | None, *, hermitian: bool) -> Tensor:
    x = numbers(name, input, norm, real=True)
    dims, sizes = places_of(name, x, s, dim)
    require(len(dims) > 0, DimError, name, "needs at least 1 dim to transform", input=input.spec)
    x, count = fitted(name, x, dims, sizes)
    return real_to_half(x, dims, factor_of(norm, count, forward=not hermitian), conjugated=hermitian)


def _from_half(name: str, input: Tensor, s: Sizes, dim: Dims, norm: str | None, *, hermitian: bool) -> Tensor:
    x = numbers(name, input, norm)
    dims, sizes = places_of(name, x, s, dim)
    require(len(dims) > 0, DimError, name, "needs at least 1 dim to transform", input=input.spec)
    last = size_of(name, sizes[-1], 2 * (x.shape[dims[-1]] - 1))
    before = [size_of(name, n, x.shape[d]) for d, n in zip(dims[:-1], sizes[:-1], strict=True)]
    for d, n in zip(dims[:-1], before, strict=True):
        x = lengthened(x, d, n)
    factor = factor_of(norm, last * math.prod(before), forward=hermitian)
    return half_to_real(conj(x) if hermitian else x, dims, last, factor)


def fftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The spectrum of real or complex numbers."""
    return _complex("fft.fftn", input, s, dim, norm, forward=True)


def ifftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The numbers of a spectrum."""
    return _complex("fft.ifftn", input, s, dim, norm, forward=False)


def rfftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The spectrum of real numbers, its first half along the last dim."""
    return _to_half("fft.rfftn", input, s, dim, norm, hermitian=False)


def irfftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The real numbers of a spectrum, of which the first half along the last dim is given."""
    return _from_half("fft.irfftn", input, s, dim, norm, hermitian=False)


def hfftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The real spectrum of numbers that mirror themselves, of which the first half along the last dim is given."""
    return _from_half("fft.hfftn", input, s, dim, norm, hermitian=True)


def ihfftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The numbers whose spectrum is real, the first half along the last dim."""
    return _to_half("fft.ihfftn", input, s, dim, norm, hermitian=True)


def fft2(input: Tensor, s: Sizes = None, dim: Dims = LAST_TWO, norm: str | None = None) -> Tensor:
    """fftn along two dims."""
    return _complex("fft.fft2", input, s, dim, norm, forward=True)


def ifft2(input: Tensor, s: Sizes = None, dim: Dims = LAST_TWO, norm: str | None = None) -> Tensor:
    """ifftn along two dims."""
    return _complex("fft.ifft2", input, s, dim, norm, forward=False)


def rfft2(input: Tensor, s: Sizes = None, dim: Dims = LAST_TWO, norm: str | None = None) -> Tensor:
    """rfftn along two dims."""
    return _to_half("fft.rfft2", input, s, dim, norm, hermitian=False)


def irfft2(input: Tensor, s: Sizes = None, dim: Dims = LAST_TWO, norm: str | None = None) -> Tensor:
    """irfftn along two dims."""
    return _from_half("fft.irfft2", input, s, dim, norm, hermitian=False)


def hfft2(input: Tensor, s: Sizes = None, dim: Dims = LAST_TWO, norm: str | None = None) -> Tensor:
    """hfftn along two dims."""
    return _from_half("fft.hfft2", input, s, dim, norm, hermitian=True)


def ihfft2(input: Tensor, s: Sizes = None, dim: Dims = LAST_TWO, norm: str | None = None) -> Tensor:
    """ihfftn along two dims."""
    return _to_half("fft.ihfft2", input, s, dim, norm, hermitian=True)
