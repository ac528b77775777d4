"""Functions of one or two numbers beyond the usual ones, and numbers taken apart, in the op catalogue."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

WHOLE = np.array([[3, 1, 2], [1, 2, 5]])
CLASH = Refusal((np.ones(2), np.ones(3)), ShapeError, "shapes do not broadcast")
WHOLE_REFUSED = Refusal((WHOLE, WHOLE), DtypeError, "takes floating-point numbers")


def over(low: float, high: float) -> Callable[[Generator], Iterator[Sample]]:
    """Numbers between low and high; of no dim and of nothing."""

    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(spread(rng, 3, 4, low=low, high=high))
        yield call(np.asarray(low + 0.4 * (high - low)))
        yield call(np.zeros((0, 2)))

    return samples


def pairs(low: float, high: float) -> Callable[[Generator], Iterator[Sample]]:
    """Two tensors between low and high, one stretched; of no dim and of nothing."""

    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(spread(rng, 3, 4, low=low, high=high), spread(rng, 4, low=low, high=high))
        yield call(np.asarray(low + 0.4 * (high - low)), np.asarray(low + 0.7 * (high - low)))
        yield call(np.zeros((0, 2)), np.zeros((0, 2)))

    return samples


def _lgamma(x: Any) -> Any:
    return np.vectorize(math.lgamma, otypes=[float])(x)


def _one(name: str, formula: Any, low: float, high: float, **more: Any) -> OpRow:
    row = {"torch": name, "no_refusal": "every number has one", **more}
    return OpRow(name, getattr(medtorch, name), over(low, high), oracle=formula, **row)


def _two(name: str, formula: Any, low: float, high: float, *refusals: Refusal, **more: Any) -> OpRow:
    row = {"torch": name, "refusals": refusals or [CLASH], **more}
    return OpRow(name, getattr(medtorch, name), pairs(low, high), oracle=formula, **row)


def orders(rng: Generator) -> Iterator[Sample]:
    for n in (0, 2, 3):
        yield call(n, spread(rng, 3, 4, low=0.6, high=6.0))
    yield call(0, np.asarray(1.5))
    yield call(2, np.zeros((0, 2)))


def firsts(rng: Generator) -> Iterator[Sample]:
    yield call(1, spread(rng, 3, 4, low=0.6, high=6.0))
    yield call(1, np.array([-2.5, -0.3, -7.7]))
    yield call(1, np.asarray(1.5))
    yield call(1, np.zeros((0, 2)))


def _trigamma(n: int, x: Any) -> Any:
    """sum of 1 / (x + k)^2 term by term, and Euler and Maclaurin's rest of the sum."""
    terms = np.arange(20000.0)
    far = np.asarray(x) + 20000.0
    return (1 / (np.asarray(x)[..., None] + terms) ** 2).sum(-1) + 1 / far + 1 / (2 * far**2) + 1 / (6 * far**3)


def dimensions(rng: Generator) -> Iterator[Sample]:
    for p in (1, 3):
        yield call(spread(rng, 3, 2, low=2.2, high=6.0), p)
    yield call(np.asarray(3.5), 2)
    yield call(np.zeros((0, 2)), 2)


def shapes_and_ends(rng: Generator) -> Iterator[Sample]:
    """The first argument of an incomplete gamma function has no gradient, so it holds whole-numbered constants."""
    yield call(spread(rng, 3, 4, low=0.2, high=9.0))
    yield call(np.asarray(2.5))
    yield call(np.zeros((0, 2)))


def _lower(x: Any) -> Any:
    return medtorch.igamma(medtorch.ones_like(x) * 3, x)


def _upper(x: Any) -> Any:
    return medtorch.igammac(medtorch.ones_like(x) * 3, x)


def _poisson_tail(x: Any) -> Any:
    """P(3, x) in closed form."""
    return 1 - np.exp(-x) * (1 + x + x * x / 2)


def wholes(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([[12, -18, 0], [7, 0, 5]]), np.array([8, 27, 0]))
    yield call(np.asarray(6), np.asarray(4))
    yield call(np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64))


def steps(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([-1.5, 0.0, -0.0, 2.0]), np.array([0.5, 0.5, 2.0, 3.0]))
    yield call(np.asarray(0.0), np.asarray(7.0))
    yield call(np.zeros((0, 2)), np.zeros((0, 2)))


def odd_numbers(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan]))
    yield call(np.asarray(-1.0))
    yield call(np.zeros((0, 2)))


def _question(name: str, formula: Any) -> OpRow:
    return OpRow(
        name, getattr(medtorch, name), odd_numbers, oracle=formula, torch=name, gradient=False, half=0.0,
        no_refusal="every number has an answer",
    )  # fmt: skip


ROWS = [
    _one("acosh", np.arccosh, 1.3, 4.0),
    _one("asinh", np.arcsinh, -2.0, 2.0),
    _one("atanh", np.arctanh, -0.8, 0.8),
    _one("deg2rad", np.deg2rad, -200.0, 200.0, half=8.0),
    _one("rad2deg", np.rad2deg, -2.0, 2.0, half=8.0, gradient_tolerance=1e-6),
    _one("lgamma", _lgamma, 0.3, 6.0),
    OpRow("lgamma below 0", medtorch.lgamma, over(-3.9, -3.1), oracle=_lgamma, torch="lgamma", no_refusal="as above"),
    _one("digamma", None, 0.6, 6.0),
    _one("i0", np.i0, -4.0, 4.0),
    _one("sinc", np.sinc, -2.5, 2.5),
    OpRow(
        "sinc near 0", medtorch.sinc, over(-0.01, 0.01), oracle=np.sinc, torch="sinc", half=None, no_refusal="as above"
    ),
    _one("logit", lambda x: np.log(x / (1 - x)), 0.1, 0.9),
    OpRow(
        "logit of clamped",
        lambda x: medtorch.logit(x, 0.25),
        over(0.05, 0.95),
        oracle=lambda x: np.log(np.clip(x, 0.25, 0.75) / (1 - np.clip(x, 0.25, 0.75))),
        torch=lambda torch, x: torch.logit(x, 0.25),
        half=None,
        no_refusal="as without",
    ),
    _one("angle", np.angle, -2.0, 2.0),
    _two("hypot", np.hypot, 0.2, 3.0, CLASH, WHOLE_REFUSED),
    _two("copysign", np.copysign, -2.0, 2.0),
    _two("logaddexp", np.logaddexp, -2.0, 2.0, CLASH, WHOLE_REFUSED),
    _two("logaddexp2", np.logaddexp2, -2.0, 2.0, CLASH, WHOLE_REFUSED),
    _two("xlogy", lambda a, b: a * np.log(b), 0.3, 3.0),
    _two("ldexp", lambda a, b: a * 2**b, -2.0, 2.0, half=8.0),
    _two("float_power", lambda a, b: a**b, 0.4, 2.0, half=None, oracle_tolerance=1e-6),
    OpRow(
        "polygamma",
        medtorch.polygamma,
        orders,
        torch="polygamma",
        half=8.0,
        float32_tolerance=2e-4,
        gradient_tolerance=1e-6,
        refusals=[Refusal((-1, np.ones(2)), ArgumentError, "^polygamma: n must not be negative")],
    ),
    OpRow(  # PyTorch's own is good to 1e-9 here
        "polygamma of order 1",
        medtorch.polygamma,
        firsts,
        oracle=_trigamma,
        half=8.0,
        gradient_tolerance=1e-6,
        no_refusal="as polygamma",
    ),
    OpRow(
        "mvlgamma",
        medtorch.mvlgamma,
        dimensions,
        torch="mvlgamma",
        half=None,
        refusals=[Refusal((np.ones(2), 0), ArgumentError, "^mvlgamma: p must be at least 1")],
    ),
    OpRow("igamma", _lower, shapes_and_ends, oracle=_poisson_tail, half=None, no_refusal="one argument alone"),
    OpRow("igammac", _upper, shapes_and_ends, oracle=lambda x: 1 - _poisson_tail(x), half=None, no_refusal="as igamma"),
    OpRow(
        "frexp",
        medtorch.frexp,
        over(-5.0, 5.7),
        oracle=np.frexp,
        torch="frexp",
        refusals=[Refusal((WHOLE,), DtypeError, "^frexp: takes floating-point numbers")],
    ),
    OpRow(
        "heaviside",
        medtorch.heaviside,
        steps,
        oracle=np.heaviside,
        torch="heaviside",
        gradient=False,
        half=0.0,
        refusals=[Refusal((np.ones(2), WHOLE), DtypeError, "^heaviside: both need one dtype")],
    ),
    OpRow(
        "nextafter",
        medtorch.nextafter,
        pairs(-2.0, 2.0),
        torch="nextafter",
        gradient=False,
        half=None,
        refusals=[Refusal((WHOLE, WHOLE), DtypeError, "^nextafter: takes floating-point numbers")],
    ),
    OpRow(
        "gcd",
        medtorch.gcd,
        wholes,
        oracle=np.gcd,
        torch="gcd",
        gradient=False,
        half=None,
        refusals=[Refusal((np.ones(2), np.ones(2)), DtypeError, "^gcd: takes whole numbers")],
    ),
    OpRow(
        "lcm",
        medtorch.lcm,
        wholes,
        oracle=np.lcm,
        torch="lcm",
        gradient=False,
        half=None,
        refusals=[Refusal((np.ones(2), np.ones(2)), DtypeError, "^lcm: takes whole numbers")],
    ),
    _question("signbit", np.signbit),
    _question("isposinf", np.isposinf),
    _question("isneginf", np.isneginf),
    _question("isreal", np.isreal),
]
