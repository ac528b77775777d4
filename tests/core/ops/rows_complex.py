"""Complex numbers and Fourier transforms in the op catalogue, as functions of real pairs: (..., 2) in, (..., 2) out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

PAIRS = "takes pairs"
ODD = Refusal((np.ones(3),), ShapeError, "^view_as_complex: the last dim must have size 2")
WHOLE = Refusal((np.ones((2, 2), np.int64),), DtypeError, "^view_as_complex: takes float32 or float64")


def on_pairs(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of complex tensors, taking and giving pairs."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = [medtorch.view_as_complex(a.contiguous()) if isinstance(a, medtorch.Tensor) else a for a in args]
        out = function(*given, **kwargs)
        return medtorch.view_as_real(out) if out.is_complex() else out

    return wrapped


def oracle(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a function of NumPy's complex arrays."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = [a[..., 0] + 1j * a[..., 1] if isinstance(a, np.ndarray) else a for a in args]
        out = np.asarray(function(*given, **kwargs))
        return np.stack([out.real, out.imag], -1) if out.dtype.kind == "c" else out

    return wrapped


def one(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4, 2))
    yield call(spread(rng, 2))
    yield call(np.zeros((0, 2)))


def two(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4, 2), spread(rng, 3, 4, 2))
    yield call(spread(rng, 3, 1, 2), spread(rng, 4, 2))
    yield call(np.zeros((0, 2)), spread(rng, 1, 2))


def pairs(name: str, function: Any, samples: Any, formula: Any, **more: Any) -> OpRow:
    return OpRow(
        f"complex {name}",
        on_pairs(function),
        samples,
        oracle=oracle(formula),
        half=None,
        no_zero_dim=PAIRS,
        **{"refusals": [ODD, WHOLE], **more},
    )


def spectra(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4, 2))
    yield call(spread(rng, 5, 2), 7, 0, "ortho")
    yield call(spread(rng, 5, 2), 3, 0, "forward")
    yield call(spread(rng, 1, 2))
    yield call(np.zeros((0, 3, 2)))


def grids(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4, 2))
    yield call(spread(rng, 2, 3, 2, 2), (4, 2), (0, 1), "ortho")
    yield call(np.zeros((0, 3, 2)), None, (1,))


def signals(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4))
    yield call(spread(rng, 3, 5))
    yield call(spread(rng, 5, 2), 7, 0, "ortho")
    yield call(spread(rng, 6), 4, -1, "forward")
    yield call(np.zeros((0, 3)))


def real_row(name: str, function: Any, samples: Any, formula: Any, *refusals: Refusal) -> OpRow:
    """A transform of real numbers to half a spectrum, shown as pairs."""
    return OpRow(
        name,
        lambda *args: medtorch.view_as_real(function(*args)),
        samples,
        oracle=lambda *args: np.stack([formula(*args).real, formula(*args).imag], -1),
        half=None,
        no_zero_dim="needs a dim",
        refusals=refusals,
    )


def _ihfft(x: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    return np.fft.ihfft(x, n, dim, norm)


ROWS = [
    pairs("add", medtorch.add, two, np.add),
    pairs("sub", medtorch.sub, two, np.subtract),
    pairs("mul", medtorch.mul, two, np.multiply),
    pairs("div", medtorch.div, two, np.divide),
    pairs("pow", medtorch.pow, lambda rng: [s for s in two(rng) if s.args[0].size], np.power, no_empty="as mul"),
    pairs("neg", medtorch.neg, one, np.negative),
    pairs("abs", medtorch.abs, one, np.abs),
    pairs("angle", medtorch.angle, one, np.angle),
    pairs("sgn", medtorch.sgn, one, lambda z: z / np.abs(z)),
    pairs("conj", medtorch.conj, one, np.conj),
    pairs("real", medtorch.real, one, np.real),
    pairs("imag", medtorch.imag, one, np.imag),
    pairs("exp", medtorch.exp, one, np.exp),
    pairs("log", medtorch.log, one, np.log),
    pairs("sqrt", medtorch.sqrt, one, np.sqrt),
    pairs("rsqrt", medtorch.rsqrt, one, lambda z: 1 / np.sqrt(z)),
    pairs("reciprocal", medtorch.reciprocal, one, lambda z: 1 / z),
    pairs("sin", medtorch.sin, one, np.sin),
    pairs("cos", medtorch.cos, one, np.cos),
    pairs("tan", medtorch.tan, one, np.tan, float32_tolerance=1e-3),
    pairs("sinh", medtorch.sinh, one, np.sinh),
    pairs("cosh", medtorch.cosh, one, np.cosh),
    pairs("tanh", medtorch.tanh, one, np.tanh, float32_tolerance=1e-3),
    pairs("sum", lambda z: z.sum(0), one, lambda z: z.sum(0) if z.ndim else z),
    pairs("mean", lambda z: z.mean(), lambda rng: list(one(rng))[:2], np.mean, no_empty="a mean of nothing is NaN"),
    pairs("prod", lambda z: z.prod(), one, np.prod, second_order=False),
    pairs(
        "matmul",
        medtorch.matmul,
        lambda rng: [call(spread(rng, 3, 4, 2), spread(rng, 4, 2, 2)), call(np.zeros((0, 3, 2)), spread(rng, 3, 1, 2))],
        np.matmul,
    ),
    pairs("fft", medtorch.fft.fft, spectra, np.fft.fft),
    pairs("ifft", medtorch.fft.ifft, spectra, np.fft.ifft),
    pairs("fftn", medtorch.fft.fftn, grids, np.fft.fftn),
    pairs("ifftn", medtorch.fft.ifftn, grids, np.fft.ifftn),
    pairs("irfft", medtorch.fft.irfft, lambda rng: list(spectra(rng))[:3], np.fft.irfft, no_empty="as fft"),
    pairs("hfft", medtorch.fft.hfft, lambda rng: list(spectra(rng))[:3], np.fft.hfft, no_empty="as fft"),
    pairs("irfftn", medtorch.fft.irfftn, lambda rng: list(grids(rng))[:2], np.fft.irfftn, no_empty="as fft"),
    pairs("fft2", medtorch.fft.fft2, lambda rng: [call(spread(rng, 2, 3, 4, 2))], np.fft.fft2, no_empty="as fftn"),
    pairs("ifft2", medtorch.fft.ifft2, lambda rng: [call(spread(rng, 2, 3, 4, 2))], np.fft.ifft2, no_empty="as ifftn"),
    pairs("irfft2", medtorch.fft.irfft2, lambda rng: [call(spread(rng, 2, 3, 4, 2))], np.fft.irfft2, no_empty="as fft"),
    pairs("fftshift", medtorch.fft.fftshift, lambda rng: [s for s in one(rng) if s.args[0].ndim > 1], np.fft.fftshift),
    pairs(
        "ifftshift", medtorch.fft.ifftshift, lambda rng: [s for s in one(rng) if s.args[0].ndim > 1], np.fft.ifftshift
    ),
    real_row(
        "rfft",
        medtorch.fft.rfft,
        signals,
        np.fft.rfft,
        Refusal((np.ones(3), None, -1, "half"), ArgumentError, "^fft.rfft: norm must be backward, forward or ortho"),
        Refusal((np.ones(3), 0), ArgumentError, "^fft.rfft: a transform needs at least 1 point, got 0"),
        Refusal((np.ones(3), None, 1), DimError, "^fft.rfft: "),
        Refusal((np.asarray(1.0),), DimError, "^fft.rfft: needs at least 1 dim"),
        Refusal((np.ones(3) + 1j,), DtypeError, "^fft.rfft: takes real numbers"),
    ),
    real_row(
        "ihfft", medtorch.fft.ihfft, signals, _ihfft, Refusal((np.ones(3), 0), ArgumentError, "^fft.ihfft: a tran")
    ),
    real_row(
        "rfftn",
        medtorch.fft.rfftn,
        lambda rng: [
            call(spread(rng, 3, 4)),
            call(spread(rng, 2, 3, 2), (4, 3), (0, 1)),
            call(np.zeros((0, 2)), None, (1,)),
        ],
        np.fft.rfftn,
        Refusal((np.ones((2, 2)), None, (0, 0)), DimError, "^fft.rfftn: dims are named twice"),
        Refusal((np.ones((2, 2)), (2,), (0, 1)), ArgumentError, "^fft.rfftn: 1 sizes for 2 dims"),
        Refusal((np.ones((2, 2)), None, ()), DimError, "^fft.rfftn: needs at least 1 dim to transform"),
    ),
    real_row(
        "rfft2",
        medtorch.fft.rfft2,
        lambda rng: [call(spread(rng, 2, 3, 4)), call(np.zeros((0, 3, 4)))],
        np.fft.rfft2,
        Refusal((np.ones(3),), DimError, "^fft.rfft2: "),
    ),
    OpRow(
        "complex of parts",
        lambda a, b: medtorch.view_as_real(medtorch.complex(a, b)),
        lambda rng: [
            call(spread(rng, 3), spread(rng, 2, 1)),
            call(np.asarray(1.0), np.asarray(2.0)),
            call(np.zeros(0), np.zeros(0)),
        ],
        oracle=lambda a, b: np.stack(np.broadcast_arrays(a, b), -1),
        half=None,
        refusals=[
            Refusal((np.ones(2), np.ones(2, np.float32)), DtypeError, "^complex: both parts must be float32 or both")
        ],
    ),
    OpRow(
        "polar",
        lambda a, b: medtorch.view_as_real(medtorch.polar(a, b)),
        lambda rng: [
            call(np.abs(spread(rng, 3)), spread(rng, 3)),
            call(np.asarray(1.0), np.asarray(2.0)),
            call(np.zeros(0), np.zeros(0)),
        ],
        oracle=lambda a, b: np.stack([a * np.cos(b), a * np.sin(b)], -1),
        half=None,
        refusals=[
            Refusal((np.ones(2, np.int64), np.ones(2)), DtypeError, "^polar: both must be float32 or both float64")
        ],
    ),
]
