"""Order and counts in the op catalogue."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError, UnsupportedError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

X = np.ones((2, 3))
WHOLE = np.array([[3, 1, 2, 3], [0, 9, 9, -4]])
TIES = np.array([[2.0, 1.0, 2.0, 1.0, np.nan, 0.0, np.nan], [0.0] * 7])
NO_DIM = Refusal((X, 5), DimError, "dim 5 is out of range for 2 dims")


def sorts(rng: Generator) -> Iterator[Sample]:
    for descending in (False, True):
        yield call(spread(rng, 3, 4), 1, descending)
        yield call(spread(rng, 3, 4), 0, descending)
        yield call(spread(rng, 2, 3, 2), descending=descending)
        yield call(np.asarray(1.5), 0, descending)
        yield call(np.zeros((0, 2)), 0, descending)
        yield call(WHOLE[0, :3], descending=descending)
        yield call(np.array([True, False]), 0, descending)


def stable(rng: Generator) -> Iterator[Sample]:
    for descending in (False, True):
        yield call(TIES, -1, descending)
        yield call(WHOLE, 1, descending)
        yield call(TIES, 0, descending)
        yield call(np.asarray(0.0), 0, descending)
        yield call(np.zeros((2, 0)), 1, descending)


def tops(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 5), 2)
    yield call(spread(rng, 3, 5), 3, 0, False)
    yield call(spread(rng, 3, 5), 5, 1)
    yield call(spread(rng, 3, 5), 0, 1)
    yield call(np.asarray(1.5), 1)
    yield call(np.zeros((0, 3)), 2)


def kths(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 5), 2)
    yield call(spread(rng, 3, 5), 3, 0, True)
    yield call(np.asarray(1.5), 1)
    yield call(np.zeros((0, 3)), 2)


def kinds(rng: Generator) -> Iterator[Sample]:
    for extra in (
        {},
        {"return_inverse": True},
        {"return_counts": True},
        {"return_inverse": True, "return_counts": True},
    ):
        yield call(WHOLE, **extra)
        yield call(np.array([2.0, 1.0, 1.0, 2.0, 2.0]), **extra)
        yield call(np.array([[1, 2, 1, 1], [3, 4, 3, 3]]), dim=1, **extra)
        yield call(np.array([[[1, 2], [3, 4]], [[1, 2], [3, 4]], [[0, 2], [3, 4]]]), dim=0, **extra)
        yield call(np.asarray(1.5), **extra)
        yield call(np.zeros((0,)), **extra)
    yield call(np.array([True, False, True]))


def lookups(rng: Generator) -> Iterator[Sample]:
    edges = np.array([0.0, 1.0, 1.0, 2.5])
    x = np.array([[-1.0, 0.0, 0.5], [1.0, 2.5, 9.0]])
    yield call(edges, x)
    yield call(edges, x, right=True)
    yield call(edges, x, side="right")
    yield call(edges, x, out_int32=True)
    yield call(np.stack([edges, edges - 1]), x)
    yield call(np.array([1.0, 0.0, 2.5, 1.0]), x, sorter=np.array([1, 0, 3, 2]))
    yield call(edges, np.asarray(0.5))
    yield call(edges, 0.5)
    yield call(edges, np.array([np.nan]))
    yield call(edges, np.zeros((0, 2)))
    yield call(np.array([0, 3, 5]), np.array([4]))


def buckets(rng: Generator) -> Iterator[Sample]:
    edges = np.array([0.0, 1.0, 2.5])
    for right in (False, True):
        yield call(np.array([[-1.0, 0.0], [1.0, 9.0]]), edges, right=right)
    yield call(np.asarray(1.0), edges, out_int32=True)
    yield call(np.zeros((0,)), edges)


def counts(rng: Generator) -> Iterator[Sample]:
    x = np.array([1, 0, 3, 1])
    yield call(x)
    yield call(x, np.array([0.5, 1.0, 2.0, -1.0]))
    yield call(x, None, 7)
    yield call(x, np.array([1, 2, 3, 4]))
    yield call(np.zeros((0,), np.int64))
    yield call(x.astype(np.uint8), minlength=2)


def histograms(rng: Generator) -> Iterator[Sample]:
    x = np.array([0.1, 0.4, 0.45, 0.9, 1.0, -3.0, 0.0])
    yield call(x, 4, 0, 1)
    yield call(x, 5)
    yield call(x, 3, -1, 0.5)
    yield call(np.asarray(0.5), 2)
    yield call(np.zeros((0,)), 3, 0, 1)


def members(rng: Generator) -> Iterator[Sample]:
    yield call(WHOLE, np.array([9, 3]))
    yield call(WHOLE, np.array([[9], [3]]), invert=True)
    yield call(np.array([0.5, 1.5]), np.array([1.5]))
    yield call(WHOLE, 9)
    yield call(3, np.asarray(3))
    yield call(np.zeros((0,)), np.array([1.5]))
    yield call(np.array([1.5]), np.zeros((0,)))


NO_DIMS_HERE = "takes vectors"

ROWS = [
    OpRow("sort", medtorch.sort, sorts, torch="sort", refusals=[NO_DIM]),
    OpRow(
        "sort with ties",
        medtorch.sort,
        stable,
        torch=lambda torch, x, dim, descending: torch.sort(x, dim=dim, descending=descending, stable=True),
        gradient=False,
        half=None,
        no_refusal="as sort",
    ),
    OpRow("argsort", medtorch.argsort, sorts, torch="argsort", gradient=False, refusals=[NO_DIM]),
    OpRow(
        "msort",
        medtorch.msort,
        lambda rng: [call(spread(rng, 3, 4)), call(np.asarray(1.5)), call(np.zeros((0, 2)))],
        oracle=lambda x: np.sort(x, axis=0) if x.ndim else x,
        torch="msort",
        no_refusal="any tensor can be sorted",
    ),
    OpRow(
        "topk",
        medtorch.topk,
        tops,
        torch="topk",
        refusals=[
            Refusal((X, 4), ArgumentError, r"^topk: k = 4 of 3 numbers\n  input  \(2, 3\)"),
            Refusal((X, 1, 7), DimError, "^topk: dim 7"),
        ],
    ),
    OpRow(
        "kthvalue",
        medtorch.kthvalue,
        kths,
        torch="kthvalue",
        refusals=[Refusal((X, 0), ArgumentError, "^kthvalue: k = 0 of 3 numbers")],
    ),
    OpRow(
        "unique",
        medtorch.unique,
        kinds,
        torch="unique",
        gradient=False,
        half=None,
        refusals=[Refusal((X,), DimError, "^unique: dim 3", {"dim": 3})],
    ),
    OpRow(
        "unique_consecutive",
        medtorch.unique_consecutive,
        kinds,
        torch="unique_consecutive",
        gradient=False,
        half=None,
        refusals=[Refusal((X,), DimError, "^unique_consecutive: dim 3", {"dim": 3})],
    ),
    OpRow(
        "searchsorted",
        medtorch.searchsorted,
        lookups,
        torch="searchsorted",
        gradient=False,
        refusals=[
            Refusal(
                (np.ones(3), X),
                ArgumentError,
                "^searchsorted: side 'left' with right=True",
                {"side": "left", "right": True},
            ),
            Refusal(
                (np.ones((3, 2)), X),
                ShapeError,
                "^searchsorted: sorted_sequence and input differ in their leading dims",
            ),
            Refusal((np.ones(3), WHOLE), DtypeError, "^searchsorted: sorted_sequence and input must have one dtype"),
        ],
    ),
    OpRow(
        "bucketize",
        medtorch.bucketize,
        buckets,
        torch="bucketize",
        gradient=False,
        refusals=[Refusal((X, X), ShapeError, "^bucketize: boundaries must have 1 dim")],
    ),
    OpRow(
        "bincount",
        medtorch.bincount,
        counts,
        torch="bincount",
        gradient=False,
        half=None,
        no_zero_dim=NO_DIMS_HERE,
        refusals=[
            Refusal((np.array([-1]),), ArgumentError, "^bincount: input must not be negative, smallest is -1"),
            Refusal((np.array([0.5]),), DtypeError, "^bincount: input must hold whole numbers"),
            Refusal((WHOLE,), ShapeError, "^bincount: input must have 1 dim"),
            Refusal((np.array([1]), np.ones(2)), ShapeError, "^bincount: input and weights differ in shape"),
        ],
    ),
    OpRow(
        "histc",
        medtorch.histc,
        histograms,
        torch="histc",
        gradient=False,
        half=None,
        refusals=[
            Refusal((X, 3, 2, 1), ArgumentError, "^histc: cannot part the range from 2.0 to 1.0"),
            Refusal((WHOLE,), DtypeError, "^histc: takes floating"),
            Refusal((X, 0), ArgumentError, "^histc: bins must be positive"),
        ],
    ),
    OpRow(
        "isin",
        medtorch.isin,
        members,
        torch="isin",
        gradient=False,
        refusals=[Refusal((1, 2), UnsupportedError, "^isin: one of elements and test_elements must be a tensor")],
    ),
]
