"""Copies of views, combinations, statistics and histograms in the op catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

X = np.ones((2, 3))
WHOLE = np.array([3, 1, 2])
HAS_DIMS = "needs a dim"
AS_VIEW = "refused as the view is"


def of(*args: Any, dims: tuple[int, ...] = (2, 3), empty: Any = None, **kwargs: Any) -> Callable[..., Iterator[Sample]]:
    """Calls with `args` of a full and of an empty tensor."""

    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(spread(rng, *dims), *args, **kwargs)
        yield call(np.zeros((0, *dims[1:])), *(args if empty is None else empty), **kwargs)

    return samples


def _copy(name: str, samples: Any, oracle: Any = None, **more: Any) -> OpRow:
    row = {"no_zero_dim": HAS_DIMS, "no_refusal": AS_VIEW, "half": 0.0, "torch": name, **more}
    return OpRow(name, getattr(medtorch, name), samples, oracle=oracle, **row)


def combined(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 4))
    yield call(spread(rng, 4), 3, True)
    yield call(spread(rng, 4), 0)
    yield call(np.zeros(0))


def products(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3), spread(rng, 2), spread(rng, 2))
    yield call(spread(rng, 3))
    yield call(spread(rng, 3), np.zeros(0))


def reduced(kind: str) -> Callable[[Generator], Iterator[Sample]]:
    def samples(rng: Generator) -> Iterator[Sample]:
        for self_too in (True, False):
            yield call(spread(rng, 4, 3), 0, np.array([1, 3, 1]), spread(rng, 3, 3), kind, include_self=self_too)
            yield call(spread(rng, 2, 5), -1, np.array([0, 0]), spread(rng, 2, 2), kind, include_self=self_too)
        yield call(spread(rng, 4, 3), 0, np.zeros(0, np.int64), np.zeros((0, 3)), kind)

    return samples


def observations(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 5))
    yield call(spread(rng, 6))
    yield call(spread(rng, 3, 5), correction=0)
    yield call(spread(rng, 2, 4), fweights=np.array([1, 2, 1, 3]))


def weighed(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 4), aweights=rng.uniform(0.5, 2, 4))


def slopes(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 5))
    yield call(spread(rng, 4, 3), spacing=0.5, dim=0)
    yield call(spread(rng, 4, 3), spacing=[2.0, 0.5], edge_order=2)
    yield call(spread(rng, 5), spacing=[np.array([0.0, 1.0, 1.5, 3.0, 3.5])])
    yield call(np.zeros((0, 3)), dim=1)


def fills(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3), 0.5)
    yield call(spread(rng, 2, 3), np.asarray(1.5))
    yield call(np.zeros((0, 2)), 1.0)


def limited(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), 2, 0, 1.5)
    yield call(spread(rng, 2, 3, 2), 1, -1, 2.0)
    yield call(np.zeros((0, 2)), 2, 0, 1)


def histograms(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), 5)
    yield call(spread(rng, 12), 4, range=(-1.0, 1.0))
    yield call(spread(rng, 12), 4, density=True)
    yield call(np.asarray(0.5), 2)
    yield call(np.zeros(0), 3)


def _hist_oracle(x: Any, bins: Any, *, range: Any = None, density: bool = False) -> Any:
    found, edges = np.histogram(x, bins, range=range, density=density)
    return found.astype(float), edges


ROWS = [
    _copy("alias_copy", of(), np.copy),
    _copy("expand_copy", of((4, 2, 3), empty=((4, 0, 3),)), np.broadcast_to),
    _copy("diagonal_copy", of(1), lambda x, k: np.diagonal(x, k), same_strides=True),
    _copy("narrow_copy", of(1, 1, 2), lambda x, dim, start, length: x[:, start : start + length]),
    _copy("view_copy", of((3, 2), empty=((3, 0),)), np.reshape, same_strides=False),
    _copy("permute_copy", of((1, 0)), np.transpose),
    _copy("transpose_copy", of(0, 1), np.swapaxes),
    _copy("t_copy", of(), np.transpose),
    _copy("squeeze_copy", of(1, dims=(2, 1, 3)), lambda x, dim: np.squeeze(x, dim)),
    _copy("unsqueeze_copy", of(1), np.expand_dims),
    _copy("unfold_copy", of(1, 2, 1), lambda x, dim, size, step: np.stack([x[:, :2], x[:, 1:]], 1)),
    _copy("unbind_copy", of(1), lambda x, dim: tuple(np.moveaxis(x, dim, 0))),
    _copy("split_with_sizes", of((1, 2), 1), lambda x, sizes, dim: (x[:, :1], x[:, 1:])),
    _copy("split_with_sizes_copy", of((1, 2), 1), lambda x, sizes, dim: (x[:, :1], x[:, 1:])),
    _copy("unsafe_split", of(2, 1), lambda x, size, dim: (x[:, :2], x[:, 2:])),
    _copy("unsafe_chunk", of(2, 1), lambda x, count, dim: (x[:, :2], x[:, 2:])),
    OpRow(
        "combinations",
        medtorch.combinations,
        combined,
        torch="combinations",
        half=0.0,
        no_zero_dim=HAS_DIMS,
        refusals=[
            Refusal((X,), ShapeError, "^combinations: takes a 1-d tensor"),
            Refusal((np.ones(2), -1), ArgumentError, "^combinations: r must not be negative, got -1"),
        ],
    ),
    OpRow(
        "cartesian_prod",
        medtorch.cartesian_prod,
        products,
        torch="cartesian_prod",
        half=0.0,
        no_zero_dim=HAS_DIMS,
        refusals=[Refusal((X,), ShapeError, "^cartesian_prod: takes 1-d tensors")],
    ),
    OpRow(
        "unravel_index",
        medtorch.unravel_index,
        lambda rng: [
            call(np.array([[0, 5], [3, -1]]), (2, 3)),
            call(np.asarray(4), (2, 3)),
            call(np.zeros(0, np.int64), (2, 3)),
        ],
        torch="unravel_index",
        gradient=False,
        half=None,
        refusals=[
            Refusal((np.array([6]), (2, 3)), ArgumentError, "^unravel_index: a place is outside of"),
            Refusal((X, (2, 3)), DtypeError, "^unravel_index: takes whole numbers"),
        ],
    ),
    OpRow(
        "nonzero_static",
        medtorch.nonzero_static,
        lambda rng: [
            call(np.array([[0, 2], [3, 0]]), size=4),
            call(np.array([[0, 2], [3, 0]]), size=1, fill_value=7),
            call(np.zeros((0, 2), np.int64), size=2),
        ],
        torch="nonzero_static",
        gradient=False,
        half=None,
        no_zero_dim=HAS_DIMS,
        refusals=[Refusal((X,), ArgumentError, "^nonzero_static: size must not be negative", {"size": -1})],
    ),
    *(
        OpRow(
            f"index_reduce {kind}",
            medtorch.index_reduce,
            reduced(kind),
            torch="index_reduce",
            half=8.0,
            no_zero_dim=HAS_DIMS,
            refusals=[
                Refusal((X, 0, WHOLE, X, "sum"), ArgumentError, "^index_reduce: unknown reduce 'sum'"),
                Refusal((X, 0, WHOLE, X, kind), ShapeError, "^index_reduce: source must have one slice an index"),
            ],
        )
        for kind in ("prod", "mean", "amax", "amin")
    ),
    OpRow(
        "fill",
        medtorch.fill,
        fills,
        oracle=lambda x, value: np.full_like(x, value),
        torch="fill",
        half=0.0,
        refusals=[Refusal((X, np.ones(1)), ShapeError, "^fill: value must have 0 dims")],
    ),
    OpRow(
        "cov",
        medtorch.cov,
        observations,
        oracle=lambda x, *, correction=1, fweights=None: np.cov(x, ddof=correction, fweights=fweights),
        torch="cov",
        half=None,
        no_empty="a mean of nothing",
        no_zero_dim="one observation has no spread",
        refusals=[
            Refusal((np.ones((2, 2, 2)),), ShapeError, "^cov: takes at most 2 dims"),
            Refusal((X,), ShapeError, "^cov: fweights needs one weight", {"fweights": np.array([1, 2])}),
            Refusal((X,), ArgumentError, "^cov: fweights must not be negative", {"fweights": np.array([1, -2, 1])}),
        ],
    ),
    OpRow(
        "cov with aweights",
        medtorch.cov,
        weighed,
        oracle=lambda x, *, aweights: np.cov(x, aweights=aweights),
        torch="cov",
        half=None,
        no_empty="as cov",
        no_zero_dim="as cov",
        no_refusal="as cov",
    ),
    OpRow(
        "corrcoef",
        medtorch.corrcoef,
        lambda rng: [call(spread(rng, 3, 5)), call(spread(rng, 2, 9))],
        oracle=np.corrcoef,
        torch="corrcoef",
        half=None,
        no_empty="as cov",
        no_zero_dim="as cov",
        refusals=[Refusal((np.ones((2, 2, 2)),), ShapeError, "^cov: takes at most 2 dims")],
        gradient=False,
    ),
    OpRow(
        "gradient",
        medtorch.gradient,
        slopes,
        torch="gradient",
        half=None,
        gradient=False,
        no_zero_dim=HAS_DIMS,
        refusals=[
            Refusal((X,), ArgumentError, "^gradient: edge_order must be 1 or 2, got 3", {"edge_order": 3}),
            Refusal((np.ones(1),), ShapeError, "^gradient: dim 0 needs 2 places"),
            Refusal((X,), ArgumentError, "^gradient: 3 spacings for 2 dims", {"spacing": [1, 2, 3]}),
        ],
    ),
    OpRow(
        "gradient by even steps",
        medtorch.gradient,
        lambda rng: [call(spread(rng, 5)), call(spread(rng, 4, 3), spacing=0.5), call(np.zeros((0, 3)), dim=1)],
        torch="gradient",
        half=None,
        no_zero_dim=HAS_DIMS,
        no_refusal="as gradient",
    ),
    OpRow(
        "renorm",
        medtorch.renorm,
        limited,
        torch="renorm",
        half=None,
        no_zero_dim=HAS_DIMS,
        refusals=[
            Refusal((np.ones(2), 2, 0, 1), ShapeError, "^renorm: needs 2 dims or more"),
            Refusal((X, 0, 0, 1), ArgumentError, "^renorm: p must be above 0, got 0"),
            Refusal((X, 2, 5, 1), DimError, "dim 5 is out of range"),
        ],
    ),
    OpRow(
        "histogram",
        medtorch.histogram,
        histograms,
        oracle=_hist_oracle,
        torch="histogram",
        gradient=False,
        half=None,
        refusals=[
            Refusal((X, 0), ArgumentError, "^histogram: bins must be positive, got 0"),
            Refusal((X, np.array([1.0, 0.0])), ArgumentError, "^histogram: edges must rise"),
        ],
    ),
]  # fmt: skip
