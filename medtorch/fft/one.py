"""Transforms along one dim."""

from __future__ import annotations

from medtorch.core.ops.complex import conj
from medtorch.core.ops.fft import complex_transform, factor_of, half_to_real, lengthened, real_to_half
from medtorch.core.tensor import Tensor
from medtorch.fft.arguments import numbers, place_of, size_of


def _complex(name: str, input: Tensor, n: int | None, dim: int, norm: str | None, *, forward: bool) -> Tensor:
    x = numbers(name, input, norm)
    place = place_of(name, x, dim)
    count = size_of(name, n, x.shape[place])
    return complex_transform(
        lengthened(x, place, count), (place,), factor_of(norm, count, forward=forward), forward=forward
    )


def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The spectrum of real or complex numbers."""
    return _complex("fft.fft", input, n, dim, norm, forward=True)


def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The numbers of a spectrum."""
    return _complex("fft.ifft", input, n, dim, norm, forward=False)


def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The first half, n // 2 + 1 places, of the spectrum of real numbers."""
    x = numbers("fft.rfft", input, norm, real=True)
    place = place_of("fft.rfft", x, dim)
    count = size_of("fft.rfft", n, x.shape[place])
    return real_to_half(lengthened(x, place, count), (place,), factor_of(norm, count, forward=True))


def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The n real numbers (2 (places - 1) if not told) of half a spectrum."""
    x = numbers("fft.irfft", input, norm)
    place = place_of("fft.irfft", x, dim)
    count = size_of("fft.irfft", n, 2 * (x.shape[place] - 1))
    return half_to_real(x, (place,), count, factor_of(norm, count, forward=False))


def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The real spectrum of numbers that mirror themselves, of which the first half is given."""
    x = numbers("fft.hfft", input, norm)
    place = place_of("fft.hfft", x, dim)
    count = size_of("fft.hfft", n, 2 * (x.shape[place] - 1))
    return half_to_real(conj(x), (place,), count, factor_of(norm, count, forward=True))


def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The first half of the numbers whose spectrum is real."""
    x = numbers("fft.ihfft", input, norm, real=True)
    place = place_of("fft.ihfft", x, dim)
    count = size_of("fft.ihfft", n, x.shape[place])
    factor = factor_of(norm, count, forward=False)
    return real_to_half(lengthened(x, place, count), (place,), factor, conjugated=True)
