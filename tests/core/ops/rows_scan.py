"""Running sums, products and extremes in the op catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

X = np.ones((2, 3))
WHOLE = np.array([[3, 1, 2, 3], [0, 9, 9, -4]])
NO_DIM = Refusal((X, 5), DimError, "dim 5 is out of range for 2 dims")


def runs(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 5), 1)
    yield call(spread(rng, 3, 5), 0)
    yield call(spread(rng, 2, 3, 7), -2)
    yield call(spread(rng, 1, 3), 0)
    yield call(np.asarray(1.5), 0)
    yield call(np.zeros((0, 3)), 0)
    yield call(np.zeros((2, 0)), 1)


def sums(rng: Generator) -> Iterator[Sample]:
    yield from runs(rng)
    yield call(WHOLE, 1)
    yield call(WHOLE > 1, 0)


def products(rng: Generator) -> Iterator[Sample]:
    yield from runs(rng)
    yield call(np.array([[2.0, 0.0, 3.0, -1.0], [0.0, 1.0, 0.0, 2.0]]), 1)
    yield call(WHOLE, 1)


def extremes(rng: Generator) -> Iterator[Sample]:
    yield from runs(rng)
    yield call(np.array([1.0, 3.0, 2.0, 3.0, 0.5, 5.0]), 0)
    yield call(WHOLE, 1)


def infinite(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([-np.inf, -np.inf, 0.5, 1.0, -np.inf]), 0)
    yield call(np.array([[800.0, 1.0, 801.0], [-900.0, -901.0, 2.0]]), 1)
    yield call(np.asarray(-np.inf), 0)
    yield call(np.zeros((0,)), 0)


def differences(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 5))
    yield call(spread(rng, 3, 5), 2, 0)
    yield call(spread(rng, 3, 5), 9)
    yield call(spread(rng, 3, 5), prepend=spread(rng, 3, 1), append=spread(rng, 3, 2))
    yield call(np.array([True, False, False]))
    yield call(np.zeros((0, 2)))
    yield call(WHOLE, 1, 0)


def areas(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 5))
    yield call(spread(rng, 3, 5), dx=0.5)
    yield call(spread(rng, 3, 5), spread(rng, 5))
    yield call(spread(rng, 3, 5), spread(rng, 3), dim=0)
    yield call(spread(rng, 3, 5), spread(rng, 3, 5))
    yield call(np.zeros((2, 0)))


def _area(y: Any, x: Any = None, dx: Any = None, dim: int = -1) -> Any:
    return np.trapezoid(y, x, 1.0 if dx is None else dx, dim)


def _logcumsumexp(x: Any, dim: int) -> Any:
    return np.logaddexp.accumulate(x, dim) if x.ndim else x


NO_SCALAR = "needs a dim to go along"

ROWS = [
    OpRow(
        "cumsum",
        medtorch.cumsum,
        sums,
        oracle=lambda x, dim: x.cumsum(dim if x.ndim else None).reshape(x.shape),
        torch="cumsum",
        refusals=[NO_DIM],
    ),
    OpRow(
        "cumprod",
        medtorch.cumprod,
        products,
        oracle=lambda x, dim: x.cumprod(dim if x.ndim else None).reshape(x.shape),
        torch="cumprod",
        refusals=[NO_DIM],
    ),
    OpRow(
        "logcumsumexp",
        medtorch.logcumsumexp,
        runs,
        oracle=_logcumsumexp,
        torch="logcumsumexp",
        half=8.0,
        refusals=[NO_DIM, Refusal((WHOLE, 0), DtypeError, "^logcumsumexp: takes floating")],
    ),
    OpRow(
        "logcumsumexp of extremes",
        medtorch.logcumsumexp,
        infinite,
        torch="logcumsumexp",
        gradient=False,
        half=8.0,
        no_refusal="as logcumsumexp",
    ),
    OpRow("cummax", medtorch.cummax, extremes, torch="cummax", gradient=False, refusals=[NO_DIM]),
    OpRow("cummax of unequal numbers", medtorch.cummax, runs, torch="cummax", no_refusal="as cummax"),
    OpRow("cummin", medtorch.cummin, extremes, torch="cummin", gradient=False, refusals=[NO_DIM]),
    OpRow("cummin of unequal numbers", medtorch.cummin, runs, torch="cummin", no_refusal="as cummin"),
    OpRow(
        "diff",
        medtorch.diff,
        differences,
        torch="diff",
        no_zero_dim=NO_SCALAR,
        refusals=[
            Refusal((np.asarray(1.0),), ShapeError, "^diff: needs at least 1 dim"),
            Refusal((X, -1), ArgumentError, "^diff: n must not be negative"),
        ],
    ),
    OpRow(
        "trapezoid",
        medtorch.trapezoid,
        areas,
        oracle=_area,
        no_zero_dim=NO_SCALAR,
        half=8.0,
        refusals=[
            Refusal((X, np.ones(2)), ShapeError, "^trapezoid: x needs one number for each"),
            Refusal((X, np.ones(3)), ArgumentError, "^trapezoid: give x or dx", {"dx": 1.0}),
        ],
    ),
    OpRow(
        "cumulative_trapezoid",
        medtorch.cumulative_trapezoid,
        areas,
        torch="cumulative_trapezoid",
        no_zero_dim=NO_SCALAR,
        half=8.0,
        refusals=[Refusal((X,), DimError, "^cumulative_trapezoid: dim 5", {"dim": 5})],
    ),
]
