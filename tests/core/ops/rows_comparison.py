"""Comparisons, tests and choices in the op catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

X = np.ones((2, 3))
ODD = np.array([0.0, -0.0, 1.5, np.nan, np.inf, -np.inf])
CLASH = Refusal((X, np.ones(2)), ShapeError, "shapes do not broadcast")


def pairs(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0], [3.0]]))
    yield call(ODD, ODD[::-1].copy())
    yield call(ODD, 1.5)
    yield call(np.array([1, 2, 3]), 2)
    yield call(np.array([1, 2, 3]), 2.5)
    yield call(np.array([True, False]), np.array([True, True]))
    yield call(np.array([1, 2, 3]), np.array([1.0, 2.5, 3.0]))
    yield call(np.asarray(1.5), np.asarray(2.5))
    yield call(np.zeros((0, 2)), np.zeros(2))


def logical_pairs(rng: Generator) -> Iterator[Sample]:
    yield call(ODD, ODD[::-1].copy())
    yield call(np.array([True, False]), np.array([[True], [False]]))
    yield call(np.array([0, 2]), np.array([0.0, 0.5]))
    yield call(np.asarray(1.5), np.asarray(0.0))
    yield call(np.zeros((0, 2)), np.zeros(2))


def singles(rng: Generator) -> Iterator[Sample]:
    yield call(ODD)
    yield call(np.array([0, 3]))
    yield call(np.array([True, False]))
    yield call(np.asarray(np.nan))
    yield call(np.zeros((0, 2)))


def choices(rng: Generator) -> Iterator[Sample]:
    yield call(rng.random((3, 4)) > 0.5, spread(rng, 3, 4), spread(rng, 4))
    yield call(np.array([[True], [False]]), spread(rng, 3), spread(rng, 2, 1))
    yield call(np.array([True, False]), spread(rng, 2), 0.5)
    yield call(np.array([True, False]), 1, np.array([3, 4]))
    yield call(np.asarray(True), np.asarray(0.5), np.asarray(1.5))
    yield call(np.zeros((0,), bool), np.zeros(0), np.asarray(1.5))


def fillings(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), rng.random((3, 4)) > 0.5, 0.5)
    yield call(spread(rng, 3, 4), np.array([True, False, True, True]), np.asarray(-1.5))
    yield call(spread(rng, 4), np.array([[True], [False]]), 2)
    yield call(np.array([1, 2]), np.array([True, False]), 7)
    yield call(np.asarray(1.5), np.asarray(True), 0.5)
    yield call(np.zeros((0, 2)), np.array([True, False]), 0.5)


def near_pairs(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([1.0, 1.0, np.inf, np.nan]), np.array([1.0 + 1e-6, 1.1, np.inf, np.nan]))
    yield call(np.array([1.0, np.nan]), np.array([1.05, np.nan]), 0.1, 0.0, True)
    yield call(np.array([1, 2]), np.array([1, 3]))
    yield call(np.asarray(1.0), np.asarray(1.0))
    yield call(np.zeros(0), np.zeros(0))


def _row(name: str, formula: Any, samples: Any, **more: Any) -> OpRow:
    return OpRow(name, getattr(medtorch, name), samples, oracle=formula, torch=name, gradient=False, half=None, **more)


ANY = "every tensor can be asked this"

ROWS = [
    _row("eq", np.equal, pairs, refusals=[CLASH]),
    _row("ne", np.not_equal, pairs, refusals=[CLASH]),
    _row("lt", np.less, pairs, refusals=[CLASH]),
    _row("le", np.less_equal, pairs, refusals=[CLASH]),
    _row("gt", np.greater, pairs, refusals=[CLASH]),
    _row("ge", np.greater_equal, pairs, refusals=[CLASH]),
    _row("logical_and", np.logical_and, logical_pairs, refusals=[CLASH]),
    _row("logical_or", np.logical_or, logical_pairs, refusals=[CLASH]),
    _row("logical_xor", np.logical_xor, logical_pairs, refusals=[CLASH]),
    _row("logical_not", np.logical_not, singles, no_refusal=ANY),
    _row("isnan", np.isnan, singles, no_refusal=ANY),
    _row("isinf", np.isinf, singles, no_refusal=ANY),
    _row("isfinite", np.isfinite, singles, no_refusal=ANY),
    _row(
        "isclose",
        lambda a, b, *more: np.isclose(a, b, *(more[:2] or (1e-5, 1e-8)), *more[2:]),
        near_pairs,
        refusals=[CLASH],
    ),
    OpRow(
        "where",
        medtorch.where,
        choices,
        oracle=np.where,
        torch="where",
        refusals=[
            Refusal((np.array([1]), np.ones(1), np.ones(1)), DtypeError, "^where: condition must be bool"),
            Refusal((X > 0, X, np.ones(2)), ShapeError, "^where: shapes do not broadcast"),
        ],
    ),
    OpRow(
        "masked_fill",
        medtorch.masked_fill,
        fillings,
        oracle=lambda x, mask, value: np.where(mask, value, x),
        torch="masked_fill",
        refusals=[
            Refusal((X, X, 0.5), DtypeError, "^masked_fill: mask must be bool"),
            Refusal((X, np.array([True, False]), 0.5), ShapeError, "^masked_fill: shapes do not broadcast"),
            Refusal((X, X > 0, np.ones(1)), ShapeError, "^masked_fill: value must be a number or a 0-d tensor"),
        ],
    ),
]
