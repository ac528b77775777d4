"""Functions of one number at a time in the op catalogue."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DtypeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

WHOLE = np.array([[3, 1, 2], [1, 2, 5]])
NO_ERROR = "every number has one"


def over(low: float, high: float, *, whole: bool = True) -> Any:
    """Numbers between low and high; whole ones, which become floating; of no dim and of nothing."""

    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(spread(rng, 3, 4, low=low, high=high))
        yield call(spread(rng, 2, 3, 2, low=low, high=high))
        yield call(np.asarray(low + 0.4 * (high - low)))
        yield call(np.zeros((0, 2)))
        if whole:
            yield call(WHOLE)

    return samples


def odd_numbers(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, np.inf, -np.inf, np.nan, 0.5, -0.5, 1.5, 2.5]))
    yield call(np.asarray(np.nan))
    yield call(np.zeros((0, 2)))


def _row(
    name: str, formula: Callable[..., Any] | None, low: float = -2.0, high: float = 2.0, **more: Any
) -> list[OpRow]:
    more = {"no_refusal": NO_ERROR, **more}
    whole = more.pop("whole", True)
    function = getattr(medtorch, name)
    return [
        OpRow(name, function, over(low, high, whole=whole), oracle=formula, torch=name, **more),
        OpRow(
            f"{name} of odd numbers",
            function,
            odd_numbers,
            torch=name,
            gradient=False,
            half=None,
            no_refusal="as without",
        ),
    ]


def clamps(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 3, 4)
    yield call(x, -0.51, 0.73)
    yield call(x, None, 0.73)
    yield call(x, 0.51)
    yield call(x, min=-0.51)
    yield call(x, np.full(4, -0.9), np.full((3, 1), 0.6))
    yield call(x, 0.9, 0.1)
    yield call(WHOLE, 2, 3)
    yield call(np.asarray(0.5), 0, 1)
    yield call(np.zeros((0, 2)), 0, 1)


def rounds(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([0.5, 1.5, 2.5, -0.5, -1.7, 2.2]))
    yield call(np.array([1.2345, -6.789]), decimals=2)
    yield call(np.array([1234.5, -678.9]), decimals=-2)
    yield call(np.asarray(0.7))
    yield call(np.zeros((0, 2)))


def fixes(rng: Generator) -> Iterator[Sample]:
    odd = np.array([np.nan, np.inf, -np.inf, 1.5])
    yield call(odd)
    yield call(odd, 0.5, 2.0, -3.0)
    yield call(np.asarray(np.nan), nan=7.0)
    yield call(np.zeros((0, 2)))


def one_sided(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), 0.51)
    yield call(spread(rng, 3, 4), np.full(4, 0.51))
    yield call(WHOLE, 2)
    yield call(np.asarray(0.5), 0.2)
    yield call(np.zeros((0, 2)), 1.0)


BOOL = Refusal((np.array([True]),), DtypeError, "")
_vector = np.vectorize

ROWS = [
    *_row("neg", np.negative, refusals=[BOOL], no_refusal=""),
    *_row("positive", np.positive),
    *_row("abs", np.abs),
    *_row("exp", np.exp),
    *_row("exp2", np.exp2),
    *_row("expm1", np.expm1),
    *_row("log", np.log, 0.1, 4),
    *_row("log2", np.log2, 0.1, 4),
    *_row("log10", np.log10, 0.1, 4),
    *_row("log1p", np.log1p, -0.8, 4),
    *_row("sqrt", np.sqrt, 0.1, 4),
    *_row("rsqrt", lambda x: 1 / np.sqrt(x), 0.2, 4),
    *_row("square", np.square, half=8.0),
    *_row("reciprocal", lambda x: 1 / x, 0.3, 3),
    *_row("sin", np.sin),
    *_row("cos", np.cos),
    *_row("tan", np.tan, -1.2, 1.2, half=8.0),
    *_row("asin", np.arcsin, -0.9, 0.9, whole=False, half=8.0),
    *_row("acos", np.arccos, -0.9, 0.9, whole=False, half=8.0),
    *_row("atan", np.arctan),
    *_row("sinh", np.sinh, half=8.0),
    *_row("cosh", np.cosh, half=8.0),
    *_row("tanh", np.tanh),
    *_row("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    *_row("erf", _vector(math.erf, otypes=[float])),
    *_row("erfc", _vector(math.erfc, otypes=[float]), half=8.0),
    *_row("erfinv", None, -0.9, 0.9, whole=False, half=8.0),
    *_row("floor", np.floor, 0.05, 0.95),
    *_row("ceil", np.ceil, -0.95, -0.05),
    *_row("trunc", np.trunc, -0.95, 0.95),
    *_row("frac", lambda x: x - np.trunc(x), 1.05, 1.95, whole=False),
    *_row("sign", np.sign),
    *_row("relu", lambda x: np.maximum(x, 0)),
    OpRow(
        "round",
        medtorch.round,
        rounds,
        oracle=lambda x, decimals=0: np.round(x, decimals),
        torch="round",
        gradient=False,
        half=None,
        no_refusal=NO_ERROR,
    ),
    OpRow("clamp", medtorch.clamp, clamps, torch="clamp", refusals=[Refusal((np.ones(2),), ArgumentError, "^clamp: ")]),
    OpRow(
        "clamp_min", medtorch.clamp_min, one_sided, oracle=np.maximum, torch="clamp_min", no_refusal="any number bounds"
    ),
    OpRow(
        "clamp_max", medtorch.clamp_max, one_sided, oracle=np.minimum, torch="clamp_max", no_refusal="any number bounds"
    ),
    OpRow("nan_to_num", medtorch.nan_to_num, fixes, torch="nan_to_num", gradient=False, half=None, no_refusal=NO_ERROR),
]
