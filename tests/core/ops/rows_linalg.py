"""Linear algebra in the op catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

X = np.ones((2, 3))
MATRICES = "takes matrices"
NOT_SQUARE = Refusal((X,), ShapeError, r"needs square matrices\n  A  \(2, 3\)")
SINGULAR = Refusal((np.ones((2, 2)),), ArgumentError, "a matrix is singular")


def regular(rng: Generator, *shape: int) -> Any:
    """Well-conditioned matrices."""
    return rng.uniform(-0.5, 0.5, shape) + 2 * np.eye(shape[-1])


def squares(rng: Generator) -> Iterator[Sample]:
    yield call(regular(rng, 3, 3))
    yield call(regular(rng, 2, 2, 2))
    yield call(-regular(rng, 3, 3))
    yield call(np.zeros((0, 2, 2)) + np.eye(2))
    yield call(np.zeros((0, 0)))


def positive_squares(rng: Generator) -> Iterator[Sample]:
    yield call(regular(rng, 3, 3))
    yield call(regular(rng, 2, 2, 2))
    yield call(np.zeros((0, 2, 2)) + np.eye(2))


def systems(rng: Generator) -> Iterator[Sample]:
    yield call(regular(rng, 3, 3), spread(rng, 3, 2))
    yield call(regular(rng, 3, 3), spread(rng, 3))
    yield call(regular(rng, 4, 3, 3), spread(rng, 4, 3))
    yield call(regular(rng, 4, 1, 3, 3), spread(rng, 2, 3, 2))
    yield call(regular(rng, 3, 3), spread(rng, 2, 3), left=False)
    yield call(regular(rng, 3, 3), np.zeros((3, 0)))


def powers(rng: Generator) -> Iterator[Sample]:
    for n in (1, 2, 3, 7, -1, -2):
        yield call(regular(rng, 2, 2), n)
    yield call(np.zeros((0, 2, 2)), 3)


def matrix_norms(rng: Generator) -> Iterator[Sample]:
    for order in ("fro", 1, -1, float("inf"), float("-inf")):
        yield call(spread(rng, 3, 4), order)
        yield call(spread(rng, 2, 3, 4), order, (0, 2), True)
    yield call(np.zeros((0, 2, 2)))


def norms(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3, 4))
    yield call(spread(rng, 3, 4), 1)
    yield call(spread(rng, 4), 3)
    yield call(spread(rng, 3, 4), 3, 1)
    yield call(spread(rng, 2, 3, 4), float("inf"), (1, 2))
    yield call(np.asarray(-1.5))
    yield call(np.zeros((0, 2)))


def crosses(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3), spread(rng, 3))
    yield call(spread(rng, 4, 3), spread(rng, 1, 3))
    yield call(spread(rng, 3, 2), spread(rng, 3, 2), dim=0)
    yield call(np.zeros((0, 3)), np.zeros((0, 3)))


def chains(rng: Generator) -> Iterator[Sample]:
    yield call([spread(rng, 2, 3), spread(rng, 3, 4), spread(rng, 4, 2)])
    yield call([spread(rng, 3), spread(rng, 3, 4), spread(rng, 4)])
    yield call([spread(rng, 3), spread(rng, 3, 4)])
    yield call([np.zeros((0, 3)), spread(rng, 3, 4)])


def _row(name: str, samples: Any, *refusals: Refusal, **more: Any) -> OpRow:
    row = {"torch": f"linalg.{name}", "half": None, "no_zero_dim": MATRICES, **more}
    if not refusals:
        row["no_refusal"] = "fits every tensor"
    return OpRow(f"linalg.{name}", getattr(medtorch.linalg, name), samples, refusals=refusals, **row)


ROWS = [
    _row(
        "inv",
        squares,
        NOT_SQUARE,
        SINGULAR,
        Refusal((np.eye(2, dtype=np.int64),), DtypeError, "^linalg.inv: takes float32"),
        oracle=np.linalg.inv,
    ),
    _row("det", squares, NOT_SQUARE, oracle=np.linalg.det),
    _row("slogdet", squares, NOT_SQUARE, oracle=lambda a: tuple(np.linalg.slogdet(a))),
    _row(
        "solve",
        systems,
        Refusal((np.ones((2, 2)), X), ArgumentError, "^linalg.solve: a matrix is singular"),
        Refusal((np.eye(3), X), ShapeError, "^linalg.solve: B must have as many rows as A"),
        Refusal((X, X), ShapeError, "^linalg.solve: needs square matrices"),
    ),
    _row(
        "matrix_power",
        powers,
        Refusal((X, 2), ShapeError, "^linalg.matrix_power: needs square matrices"),
        float32_tolerance=1e-4,
    ),
    _row(
        "multi_dot",
        chains,
        Refusal(([X],), ArgumentError, "^linalg.multi_dot: needs at least two"),
        oracle=np.linalg.multi_dot,
    ),
    _row(
        "vecdot",
        lambda rng: [
            call(spread(rng, 3, 4), spread(rng, 4)),
            call(spread(rng, 3, 2), spread(rng, 3, 2), dim=0),
            call(np.zeros((0, 3)), np.zeros((0, 3))),
        ],
    ),
    _row(
        "cross",
        crosses,
        Refusal((X, np.ones((2, 2))), ShapeError, "^linalg.cross: dim 1 must have size 3"),
        oracle=lambda a, b, dim=-1: np.cross(a, b, axis=dim),
    ),
    _row(
        "diagonal",
        lambda rng: [call(spread(rng, 2, 3, 4)), call(spread(rng, 3, 4), offset=1), call(np.zeros((0, 2)))],
        Refusal((np.ones(3),), DimError, "dim"),
    ),
    _row(
        "matrix_norm",
        matrix_norms,
        Refusal((X, 7), ArgumentError, "^linalg.matrix_norm: unknown norm 7"),
    ),
    _row(
        "norm",
        norms,
        Refusal((np.ones((2, 2, 2)), 3), DimError, "^linalg.norm: a norm of an order needs"),
        no_zero_dim="",
    ),
    _row(
        "vector_norm",
        lambda rng: [
            call(spread(rng, 2, 3), 3),
            call(spread(rng, 2, 3), 1, 1),
            call(np.asarray(-2.0)),
            call(np.zeros((0, 2))),
        ],
        Refusal((X.astype(np.int64),), DtypeError, "^norm: takes floating"),
        no_zero_dim="",
    ),
    OpRow(
        "linalg.matrix_power of 0",
        medtorch.linalg.matrix_power,
        lambda rng: [call(regular(rng, 2, 2), 0), call(regular(rng, 2, 3, 3), 0), call(np.zeros((0, 2, 2)), 0)],
        torch="linalg.matrix_power",
        gradient=False,
        no_zero_dim=MATRICES,
        no_refusal="as linalg.matrix_power",
    ),
    OpRow(
        "cross",
        medtorch.cross,
        lambda rng: [
            call(spread(rng, 3, 4), spread(rng, 3, 4)),
            call(spread(rng, 2, 3), spread(rng, 2, 3), 1),
            call(np.zeros((0, 3)), np.zeros((0, 3))),
        ],
        torch="cross",
        half=8.0,
        no_zero_dim=MATRICES,
        refusals=[Refusal((np.ones(2), np.ones(2)), ShapeError, "^cross: no dim has size 3")],
    ),
    OpRow(
        "logdet",
        medtorch.logdet,
        positive_squares,
        torch="logdet",
        half=None,
        no_zero_dim=MATRICES,
        refusals=[NOT_SQUARE],
    ),
]
