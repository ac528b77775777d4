"""Matrices as products, and what follows from them, in the op catalogue. Free signs are taken out by the functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch import linalg
from medtorch.errors import ArgumentError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

MATRICES = "takes matrices"
X = np.ones((2, 3))
NOT_SQUARE = Refusal((X,), ShapeError, "needs square matrices")
FLAT = Refusal((np.ones(3),), ShapeError, MATRICES)


def regular(rng: Generator, *shape: int) -> Any:
    """Well-conditioned matrices with singular values and eigenvalues apart."""
    return rng.uniform(-0.3, 0.3, shape) + np.eye(*shape[-2:]) * np.arange(1.0, shape[-1] + 1)


def squares(rng: Generator) -> Iterator[Sample]:
    yield call(regular(rng, 3, 3))
    yield call(regular(rng, 2, 4, 4))
    yield call(np.zeros((0, 2, 2)))


def any_sides(rng: Generator) -> Iterator[Sample]:
    yield from squares(rng)
    yield call(regular(rng, 4, 2))
    yield call(regular(rng, 2, 2, 4))


def systems(rng: Generator) -> Iterator[Sample]:
    yield call(regular(rng, 3, 3), spread(rng, 3, 2))
    yield call(regular(rng, 2, 3, 3), spread(rng, 2, 3, 2))
    yield call(regular(rng, 3, 3), np.zeros((3, 0)))


def tall_systems(rng: Generator) -> Iterator[Sample]:
    yield call(regular(rng, 4, 2), spread(rng, 4, 3))
    yield call(regular(rng, 3, 3), spread(rng, 3))
    yield call(regular(rng, 3, 3), np.zeros((3, 0)))


def _symmetric(a: Any) -> Any:
    return a + a.swapaxes(-1, -2)


def _positive(a: Any) -> Any:
    return a @ a.swapaxes(-1, -2)


def _cholesky(a: Any) -> Any:
    return linalg.cholesky(_positive(a))


def _vectors(a: Any) -> Any:
    values, vectors = linalg.eigh(_symmetric(a))
    return values, vectors * vectors


def _vectors_oracle(a: Any) -> Any:
    values, vectors = np.linalg.eigh(_symmetric(a))
    return values, vectors * vectors


def _svd(a: Any) -> Any:
    u, s, vh = linalg.svd(a, False)
    return u * u, s, vh * vh, u @ vh


def _svd_oracle(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return u * u, s, vh * vh, u @ vh


def _rebuilt_lu(a: Any) -> Any:
    p, lower, upper = linalg.lu(a)
    return p @ lower @ upper, lower.tril(-1), upper


def _lu_solved(a: Any, b: Any) -> Any:
    return linalg.lu_solve(*linalg.lu_factor(a), b)


def _row(name: str, function: Any, samples: Any, *refusals: Refusal, **more: Any) -> OpRow:
    row = {"half": None, "no_zero_dim": MATRICES, "gradient_tolerance": 1e-6, "float32_tolerance": 2e-4, **more}
    if not refusals:
        row["no_refusal"] = "as the function it is made of"
    return OpRow(name, function, samples, refusals=refusals, oracle_tolerance=1e-10, **row)


ROWS = [
    _row(
        "linalg.cholesky",
        _cholesky,
        squares,
        oracle=lambda a: np.linalg.cholesky(_positive(a)),
        torch=lambda torch, a: torch.linalg.cholesky(_positive(a)),
    ),
    _row(
        "linalg.cholesky of what is not positive",
        linalg.cholesky,
        lambda rng: [call(np.eye(3) * 2), call(np.zeros((0, 2, 2)))],
        Refusal((-np.eye(2),), ArgumentError, "^linalg.cholesky: a matrix is not positive definite"),
        NOT_SQUARE,
        gradient=False,
        oracle=np.linalg.cholesky,
    ),
    _row("linalg.eigh", _vectors, squares, oracle=_vectors_oracle),
    _row(
        "linalg.eigvalsh",
        lambda a: linalg.eigvalsh(_symmetric(a)),
        squares,
        oracle=lambda a: np.linalg.eigvalsh(_symmetric(a)),
        torch=lambda torch, a: torch.linalg.eigvalsh(_symmetric(a)),
    ),
    _row(
        "linalg.eigh of triangles",
        linalg.eigh,
        lambda rng: [call(np.diag([1.0, 3.0])), call(np.zeros((0, 2, 2)))],
        NOT_SQUARE,
        Refusal((np.eye(2), "X"), ArgumentError, "^linalg.eigh: UPLO must be 'L' or 'U', got 'X'"),
        gradient=False,
        oracle=np.linalg.eigh,
    ),
    _row("linalg.svd", _svd, any_sides, oracle=_svd_oracle),
    _row(
        "linalg.svdvals",
        linalg.svdvals,
        any_sides,
        FLAT,
        oracle=lambda a: np.linalg.svd(a, compute_uv=False),
        torch="linalg.svdvals",
    ),
    _row(
        "linalg.qr",
        lambda a: tuple(part.abs() for part in linalg.qr(a)),
        any_sides,
        oracle=lambda a: tuple(np.abs(part) for part in np.linalg.qr(a)),
    ),
    _row(
        "linalg.qr of mode r",
        lambda a, mode="r": linalg.qr(a, mode).R.abs(),
        any_sides,
        Refusal((X, "full"), ArgumentError, "^linalg.qr: unknown mode 'full'"),
        gradient=False,
        oracle=lambda a, mode="r": np.abs(np.linalg.qr(a, "r")),
    ),
    _row("linalg.lu", _rebuilt_lu, any_sides, FLAT),
    _row("linalg.lu_solve", _lu_solved, systems, oracle=np.linalg.solve),
    _row(
        "linalg.solve_triangular",
        lambda a, b: linalg.solve_triangular(a, b, upper=True),
        systems,
        Refusal((np.ones((2, 3)), X), ShapeError, "^linalg.solve_triangular: needs square matrices"),
        oracle=lambda a, b: np.linalg.solve(np.triu(a), b),
        torch=lambda torch, a, b: torch.linalg.solve_triangular(a, b, upper=True),
    ),
    _row("linalg.pinv", linalg.pinv, any_sides, FLAT, oracle=np.linalg.pinv, torch="linalg.pinv"),
    _row(
        "linalg.matrix_rank",
        linalg.matrix_rank,
        lambda rng: [call(np.ones((3, 4))), call(regular(rng, 2, 3, 3)), call(np.zeros((0, 2, 2)))],
        FLAT,
        gradient=False,
        oracle=np.linalg.matrix_rank,
        torch="linalg.matrix_rank",
    ),
    _row("linalg.cond", linalg.cond, squares, FLAT, oracle=np.linalg.cond, torch="linalg.cond"),
    _row(
        "linalg.lstsq",
        lambda a, b: linalg.lstsq(a, b).solution,
        tall_systems,
        Refusal((np.eye(3), X), ShapeError, "^linalg.lstsq: B must have as many rows as A"),
        oracle=lambda a, b: np.linalg.lstsq(a, b)[0],
    ),
    _row(
        "linalg.vander",
        linalg.vander,
        lambda rng: [
            call(spread(rng, 4)),
            call(spread(rng, 2, 3), N=5),
            call(np.zeros((0, 2))),
            call(np.asarray(2.0), N=3),
        ],
        Refusal((np.ones(2), 1), ArgumentError, "^linalg.vander: N must be above 1, got 1"),
        torch="linalg.vander",
        no_zero_dim="",
    ),
    _row(
        "linalg.tensorinv",
        linalg.tensorinv,
        lambda rng: [call(regular(rng, 6, 6).reshape(2, 3, 3, 2)), call(np.zeros((0, 2, 2, 0)))],
        Refusal((X, 1), ShapeError, "^linalg.tensorinv: both groups of dims"),
        torch="linalg.tensorinv",
    ),
    _row(
        "linalg.tensorsolve",
        linalg.tensorsolve,
        lambda rng: [call(regular(rng, 6, 6).reshape(2, 3, 6), spread(rng, 2, 3))],
        Refusal((X, np.ones(2)), ShapeError, "^linalg.tensorsolve: A must be square"),
        torch="linalg.tensorsolve",
        no_empty="a system of no equations is one of linalg.solve",
    ),
    OpRow(
        "linalg.matrix_norm by singular values",
        linalg.matrix_norm,
        lambda rng: [
            *(call(regular(rng, 3, 4), order) for order in (2, -2, "nuc")),
            call(regular(rng, 2, 3, 4), "nuc", (0, 2), True),
            call(np.zeros((0, 3, 2)), 2),
        ],
        torch="linalg.matrix_norm",
        half=None,
        no_zero_dim=MATRICES,
        refusals=[Refusal((X, 7), ArgumentError, "^linalg.matrix_norm: unknown norm 7")],
    ),
    OpRow(
        "pinverse",
        medtorch.pinverse,
        any_sides,
        oracle=np.linalg.pinv,
        torch="pinverse",
        half=None,
        no_zero_dim=MATRICES,
        oracle_tolerance=1e-10,
        float32_tolerance=2e-4,
        refusals=[FLAT],
    ),
]
