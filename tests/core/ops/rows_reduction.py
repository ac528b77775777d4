"""Reductions in the op catalogue: sums, products, truth, extremes, moments, norms, quantiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

X = np.ones((2, 3))
NO_DIM = Refusal(
    (X, 5), DimError, r"dim 5 is out of range for 2 dims \(from -2 to 1\)\n  input  \(2, 3\)  float64  cpu"
)
TWICE = Refusal((X, (0, -2)), DimError, r"a dim appears twice in \(0, -2\)")
WHOLE = np.arange(6).reshape(2, 3)


def many_dims(rng: Generator) -> Iterator[Sample]:
    """Over all, one, several, the last dim; kept or not; of 0 dims and of nothing."""
    x = spread(rng, 3, 4, 2)
    yield call(x)
    yield call(x, 1)
    yield call(x, (0, -1), True)
    yield call(x, dim=[2, 0])
    yield call(spread(rng, 5), 0, keepdim=True)
    yield call(np.asarray(1.25))
    yield call(np.asarray(-0.75), -1)
    yield call(np.zeros((0, 3)), 1)


def with_nothing(rng: Generator) -> Iterator[Sample]:
    """As many_dims, and over a dim without numbers."""
    yield from many_dims(rng)
    yield call(np.zeros((2, 0, 3)), 1)
    yield call(np.zeros((0,)))


def one_dim(rng: Generator) -> Iterator[Sample]:
    """Over all, or one dim."""
    yield call(spread(rng, 3, 4))
    yield call(spread(rng, 3, 4), 0)
    yield call(spread(rng, 3, 5, 2), -2, True)
    yield call(np.asarray(0.5))
    yield call(np.asarray(0.5), 0)
    yield call(np.zeros((0, 3)), 1)


def sums(rng: Generator) -> Iterator[Sample]:
    yield from with_nothing(rng)
    yield call(WHOLE, 0)
    yield call(WHOLE.astype(np.uint8))
    yield call(WHOLE > 2, 1)


def products(rng: Generator) -> Iterator[Sample]:
    yield from one_dim(rng)
    yield call(np.array([2.0, 0.0, 3.0, -1.5]), 0)
    yield call(np.array([[2.0, 0.0, 3.0], [0.0, 0.5, 0.0]]), 1)
    yield call(np.array([[2.0, 0.0], [-3.0, 0.5]]))
    yield call(np.zeros((2, 0)), 1)
    yield call(WHOLE, 1)


def with_nans(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 3, 4)
    x[0, 1] = x[2, 3] = np.nan
    yield call(x)
    yield call(x, 0)
    yield call(x, (0, 1), True)
    yield call(np.asarray(0.5))
    yield call(np.zeros((0, 2)), 1)


def truths(rng: Generator) -> Iterator[Sample]:
    x = np.array([[0.0, 1.0, np.nan], [0.0, 0.0, 0.0]])
    yield call(x)
    yield call(x, 1)
    yield call(x, (0, 1), True)
    yield call(WHOLE.astype(np.uint8), 0)
    yield call(WHOLE > 0)
    yield call(np.asarray(True), 0)
    yield call(np.zeros((0,)))
    yield call(np.zeros((2, 0)), 1)


def spreads(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 3, 4, 2)
    yield call(x)
    yield call(x, False)
    yield call(x, 1)
    yield call(x, (0, 2), False, True)
    yield call(x, dim=-1, correction=0, keepdim=True)
    yield call(x, dim=0, correction=1.5)
    yield call(np.asarray(1.5), correction=0)
    yield call(np.zeros((0, 4)), 1)


def _var(x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, correction: Any = None) -> Any:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    less = correction if correction is not None else 1 if unbiased is None else int(unbiased)
    axes = tuple(range(x.ndim)) if dim is None else dim
    around = x - x.mean(axis=axes, keepdims=True)
    count = np.prod([x.shape[a] for a in np.atleast_1d(axes)]) if x.ndim else 1
    return (around**2).sum(axis=axes, keepdims=keepdim) / (count - less)


def norms(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 3, 4)
    yield call(x)
    for p in (0, 1, 1.5, 2, 3, float("inf"), float("-inf"), -1.5):
        yield call(x, p)
    yield call(x, "fro", 1, True)
    yield call(spread(rng, 2, 3, 4), 3, (0, 2))
    yield call(np.asarray(-1.5), 2)
    yield call(np.zeros((2, 0)), 2, 1)


def _norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Any:
    axes = tuple(range(x.ndim)) if dim is None else dim
    size = np.abs(x)
    if p == "fro":
        p = 2
    if p == 0:
        return (x != 0).sum(axis=axes, keepdims=keepdim).astype(float)
    if np.isinf(p):
        return size.max(axis=axes, keepdims=keepdim) if p > 0 else size.min(axis=axes, keepdims=keepdim)
    return (size**p).sum(axis=axes, keepdims=keepdim) ** (1 / p)


def log_sums(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 3, 4, low=-30, high=30)
    yield call(x, 1)
    yield call(x, (0, 1), True)
    yield call(spread(rng, 2, 3, 4), -2)
    yield call(np.asarray(0.5), 0)
    yield call(np.zeros((2, 0)), 1)


def _logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    with np.errstate(divide="ignore"):
        wide = np.log(np.exp(x.astype(np.longdouble)).sum(axis=dim if x.ndim else None, keepdims=keepdim))
    return np.asarray(wide).astype(np.float64)


def quantiles(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 4, 5)
    yield call(x, 0.3)
    yield call(x, 0.5, 1)
    yield call(x, 0.77, 0, True)
    yield call(x, 0.77, None, True)
    for interpolation in ("linear", "lower", "higher", "midpoint", "nearest"):
        yield call(x, 0.37, 1, interpolation=interpolation)
    yield call(np.asarray(1.5), 0.2)


def nan_quantiles(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 4, 5)
    x[1, 2] = x[1, 3] = np.nan
    yield call(x, 0.3)
    yield call(x, 0.6, 1)
    yield call(np.asarray(1.5), 0.2)


def picks(rng: Generator) -> Iterator[Sample]:
    """Functions that choose one of the numbers: without ties, so that every library chooses the same."""
    yield from one_dim(rng)
    yield call(np.array([[3, 1, 2], [6, 5, 4]]), 1)


def numbers_only(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), 1)
    yield call(spread(rng, 3, 4), -2, True)
    yield call(np.asarray(0.5), 0)
    yield call(np.array([[1.0, 2.0, 2.0, 1.0, 2.0], [4.0, 4.0, 3.0, 3.0, 5.0]]), 1)
    yield call(np.zeros((0, 3)), 1)


def distances(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), spread(rng, 4))
    yield call(spread(rng, 5), spread(rng, 5), 3)
    yield call(np.asarray(0.5), np.asarray(2.0))
    yield call(np.zeros((0,)), np.zeros((0,)))


NOTHING = Refusal((np.zeros((2, 0)), 1), ShapeError, r"there is no number to choose from\n  input  \(2, 0\)")

NO_QUANTILE = "an empty input is refused, also where there would be no row"

ROWS = [
    OpRow(
        "sum",
        medtorch.sum,
        sums,
        oracle=lambda x, dim=None, keepdim=False: x.sum(axis=_axes(x, dim), keepdims=keepdim),
        torch="sum",
        refusals=[NO_DIM, TWICE],
    ),
    OpRow(
        "mean",
        medtorch.mean,
        many_dims,
        oracle=lambda x, dim=None, keepdim=False: x.mean(axis=_axes(x, dim), keepdims=keepdim),
        torch="mean",
        refusals=[
            NO_DIM,
            Refusal(
                (WHOLE,), DtypeError, r"^mean: takes floating-point numbers; choose one with dtype=\n  input  \(2, 3\)"
            ),
        ],
    ),
    OpRow(
        "prod",
        medtorch.prod,
        products,
        oracle=lambda x, dim=None, keepdim=False: x.prod(axis=_axes(x, dim), keepdims=keepdim),
        torch="prod",
        refusals=[NO_DIM],
    ),
    OpRow(
        "nansum",
        medtorch.nansum,
        with_nans,
        oracle=lambda x, dim=None, keepdim=False: np.nansum(x, axis=_axes(x, dim), keepdims=keepdim),
        torch="nansum",
        refusals=[NO_DIM],
        gradient=False,
    ),
    OpRow(
        "nanmean",
        medtorch.nanmean,
        with_nans,
        torch="nanmean",
        gradient=False,
        refusals=[NO_DIM, Refusal((WHOLE,), DtypeError, "^nanmean: takes")],
    ),
    OpRow("any", medtorch.any, truths, torch="any", gradient=False, refusals=[NO_DIM]),
    OpRow("all", medtorch.all, truths, torch="all", gradient=False, refusals=[NO_DIM]),
    OpRow(
        "count_nonzero",
        medtorch.count_nonzero,
        lambda rng: [
            call(WHOLE),
            call(WHOLE, 0),
            call(np.zeros((0, 2)), 1),
            call(np.asarray(2.0)),
            call(spread(rng, 2, 3), (0, 1)),
        ],
        oracle=lambda x, dim=None: np.count_nonzero(x, axis=dim),
        torch="count_nonzero",
        gradient=False,
        refusals=[NO_DIM],
    ),
    OpRow(
        "amax",
        medtorch.amax,
        many_dims,
        oracle=lambda x, dim=None, keepdim=False: x.max(axis=_axes(x, dim), keepdims=keepdim),
        torch=lambda torch, x, dim=(), keepdim=False: torch.amax(x, dim, keepdim),
        refusals=[NO_DIM, NOTHING],
    ),
    OpRow(
        "amin",
        medtorch.amin,
        many_dims,
        oracle=lambda x, dim=None, keepdim=False: x.min(axis=_axes(x, dim), keepdims=keepdim),
        torch="amin",
        refusals=[NO_DIM, NOTHING],
    ),
    OpRow(
        "amax of ties",
        medtorch.amax,
        lambda rng: [
            call(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), 1),
            call(np.array([[1.0, 3.0, 3.0]]), (0, 1)),
            call(np.asarray(1.0)),
            call(np.zeros((0, 2)), 1),
        ],
        torch="amax",
        gradient=False,
        no_refusal="the same function as amax",
    ),
    OpRow(
        "aminmax",
        medtorch.aminmax,
        lambda rng: [
            call(spread(rng, 3, 4)),
            call(spread(rng, 3, 4), dim=1, keepdim=True),
            call(np.asarray(0.5)),
            call(np.zeros((0, 3)), dim=1),
        ],
        torch="aminmax",
        refusals=[Refusal((X,), DimError, "dim 5 is out of range", {"dim": 5})],
    ),
    OpRow(
        "max",
        medtorch.max,
        picks,
        torch="max",
        refusals=[NO_DIM, NOTHING, Refusal((np.zeros((0,)),), ShapeError, "^amax: there is no number")],
    ),
    OpRow("min", medtorch.min, picks, torch="min", refusals=[NO_DIM, NOTHING]),
    OpRow("argmax", medtorch.argmax, picks, torch="argmax", gradient=False, refusals=[NO_DIM, NOTHING]),
    OpRow("argmin", medtorch.argmin, picks, torch="argmin", gradient=False, refusals=[NO_DIM, NOTHING]),
    OpRow("median", medtorch.median, picks, torch="median", refusals=[NO_DIM, NOTHING]),
    OpRow("nanmedian", medtorch.nanmedian, picks, torch="nanmedian", refusals=[NO_DIM, NOTHING]),
    OpRow(
        "mode",
        lambda *a, **k: medtorch.mode(*a, **k).values,
        numbers_only,
        torch=lambda torch, *a, **k: torch.mode(*a, **k).values,
        refusals=[NO_DIM, NOTHING],
        gradient=False,
    ),
    OpRow(
        "quantile",
        medtorch.quantile,
        quantiles,
        torch="quantile",
        half=None,
        no_empty=NO_QUANTILE,
        refusals=[
            Refusal((X, 1.5), ArgumentError, "^quantile: q must lie between 0 and 1"),
            Refusal((X, 0.5, 7), DimError, "^quantile: dim 7 is out of range"),
            Refusal((X, 0.5), ArgumentError, "^quantile: unknown interpolation 'odd'", {"interpolation": "odd"}),
            Refusal((WHOLE, 0.5), DtypeError, "^quantile: takes float32 or float64"),
            Refusal((np.zeros((2, 0)), 0.5, 1), ShapeError, "^quantile: there is no number"),
            Refusal((np.zeros((0, 2)), 0.5, 1), ShapeError, "^quantile: there is no number"),
        ],
    ),
    OpRow(
        "quantile of many",
        medtorch.quantile,
        lambda rng: (
            [call(spread(rng, 4, 5), np.array([0.11, 0.52, 0.87]), dim) for dim in (0, 1, None)]
            + [
                call(spread(rng, 4, 5), np.array([0.25]), 1, True),
                call(spread(rng, 4, 5), np.array([0.25, 0.5]), None, True),
                call(np.asarray(2.0), np.array([0.3])),
            ]
        ),
        torch="quantile",
        half=None,
        no_empty=NO_QUANTILE,
        gradient=False,
        refusals=[Refusal((X, np.array([[0.5]])), ShapeError, "^quantile: q must have 0 dims or 1")],
    ),
    OpRow(
        "nanquantile",
        medtorch.nanquantile,
        nan_quantiles,
        torch="nanquantile",
        half=None,
        no_empty=NO_QUANTILE,
        gradient=False,
        refusals=[Refusal((X, -0.5), ArgumentError, "^nanquantile: q must lie")],
    ),
    OpRow(
        "var",
        medtorch.var,
        spreads,
        oracle=_var,
        torch="var",
        refusals=[
            NO_DIM,
            Refusal((WHOLE,), DtypeError, "^var: takes floating"),
            Refusal((X, 0, True), ArgumentError, "^var: unbiased and correction", {"correction": 1}),
        ],
    ),
    OpRow("std", medtorch.std, spreads, oracle=lambda *a, **k: np.sqrt(_var(*a, **k)), torch="std", refusals=[NO_DIM]),
    OpRow("var_mean", medtorch.var_mean, spreads, torch="var_mean", refusals=[NO_DIM]),
    OpRow("std_mean", medtorch.std_mean, spreads, torch="std_mean", refusals=[NO_DIM]),
    OpRow(
        "norm",
        medtorch.norm,
        norms,
        oracle=_norm,
        torch="norm",
        refusals=[
            Refusal((X, "odd"), ArgumentError, "^norm: unknown norm 'odd'"),
            Refusal((np.zeros((0,)), float("inf")), ShapeError, "^norm: order inf is not defined for no number"),
            Refusal((WHOLE,), DtypeError, "^norm: takes floating"),
        ],
    ),
    OpRow("logsumexp", medtorch.logsumexp, log_sums, oracle=_logsumexp, torch="logsumexp", refusals=[NO_DIM]),
    OpRow(
        "dist",
        medtorch.dist,
        distances,
        torch="dist",
        refusals=[Refusal((X, np.ones(2)), ShapeError, "^sub: shapes do not broadcast")],
    ),
]


def _axes(x: Any, dim: Any) -> Any:
    if dim is None or not x.ndim:
        return None
    return tuple(dim) if isinstance(dim, list) else dim
