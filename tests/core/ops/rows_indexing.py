"""Indexing, gather and scatter, triangles in the op catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

X = np.ones((2, 3))
I = np.array([0, 1])  # noqa: E741
EVERY = slice(None)


def _get(x: Any, *key: Any) -> Any:
    return x[key]


def _set(x: Any, value: Any, *key: Any) -> Any:
    out = x.clone()
    out[key] = value
    return out


def basic_keys(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 4, 3, 5)
    for key in [
        (0,),
        (-1,),
        (1, 2),
        (1, 2, 3),
        (slice(1, 3),),
        (slice(None, None, 2), slice(2, 100)),
        (slice(3, 1),),
        (Ellipsis, 0),
        (0, Ellipsis, slice(1, 4, 2)),
        (None,),
        (slice(None), None, 1, Ellipsis, None),
        (Ellipsis,),
        (slice(-3, -1), -2),
        (),
    ]:
        yield call(x, *key)
    yield call(np.asarray(1.5), Ellipsis)
    yield call(np.asarray(1.5), None)
    yield call(np.zeros((0, 3)), EVERY, 1)
    yield call(x, slice(0, 0))


def advanced_keys(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 4, 3, 5)
    mask = np.array([True, False, True, True])
    i, j = np.array([[0, 3], [1, 1]]), np.array([2, -1])
    for key in [
        (i,),
        (EVERY, j),
        (EVERY, EVERY, np.array([4, 0, 0])),
        (i, j),
        (i, EVERY, j),
        (0, EVERY, j),
        (j, 0),
        (EVERY, j, np.array([0, 4])),
        (Ellipsis, j),
        (None, j, None),
        (j, None, np.array([0, 1])),
        (slice(1, 3), j),
        (mask,),
        (mask, 1),
        (mask, EVERY, np.array([0, 1, 2])),
        (EVERY, np.array([True, False, True])),
        (np.array([[True, False, True]] * 4),),
        ([0, 2],),
        ([[0, 1], [1, 2]],),
        ([True, False, False, True],),
        (EVERY, [1], [0, 2]),
        (np.array(2),),
        (np.zeros((0,), np.int64),),
        (np.zeros((4,), bool),),
        (j.astype(np.int32),),
        ([],),
    ]:
        yield call(x, *key)
    yield call(np.asarray(1.5), True)
    yield call(np.asarray(1.5), np.array(False))
    yield call(x, True)
    yield call(x, 1, False)
    yield call(np.zeros((0, 3)), EVERY, j)


def assignments(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 4, 3, 5)
    yield call(x, spread(rng, 3, 5), 0)
    yield call(x, spread(rng, 5), 0)
    yield call(x, np.asarray(0.5), slice(1, 3))
    yield call(x, 2.5, EVERY, 1)
    yield call(x, spread(rng, 1, 1, 3, 5), 0)
    yield call(x, spread(rng, 2, 3, 5), slice(None, None, 2))
    yield call(x, spread(rng, 2, 3, 5), np.array([3, 1]))
    yield call(x, spread(rng, 5), np.array([3, 1]), np.array([0, 2]))
    yield call(x, np.asarray(-1.5), np.array([True, False, True, False]))
    yield call(x, -1.5, np.array([True, False, True, False]))
    yield call(x, spread(rng, 4, 2), EVERY, np.array([0, 2]), 1)
    yield call(x, spread(rng, 2, 3), np.array([0, 2]), EVERY, np.array([1, 4]))
    yield call(x, spread(rng, 2, 1, 5), [0, 2])
    yield call(x, spread(rng, 4, 3, 5), Ellipsis)
    yield call(x, spread(rng, 4, 3, 5))
    yield call(np.asarray(1.5), np.asarray(2.5), Ellipsis)
    yield call(np.zeros((0, 3)), 1.0, EVERY, 1)
    yield call(x, spread(rng, 5), 1, 2)


def gathers(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 3, 4)
    yield call(x, 0, np.array([[0, 2, 1, 0], [2, 2, 0, 1]]))
    yield call(x, 1, np.array([[3, 3], [0, 1], [2, 0]]))
    yield call(x, -1, np.array([[3], [0]]))
    yield call(spread(rng, 5), 0, np.array([4, 4, 0]))
    yield call(np.asarray(1.5), 0, np.array(0))
    yield call(np.asarray(1.5), -1, np.array([0, 0]))
    yield call(x, 1, np.zeros((3, 0), np.int64))
    yield call(np.zeros((0, 3)), 1, np.zeros((0, 2), np.int64))
    yield call(x, 1, np.array([[3, 3], [0, 1], [2, 0]], np.int32))


def scatters(rng: Generator) -> Iterator[Sample]:
    """Without a place named twice, of which one would win."""
    x = spread(rng, 3, 4)
    yield call(x, 0, np.array([[0, 2, 1, 0], [2, 1, 0, 1]]), spread(rng, 2, 4))
    yield call(x, 1, np.array([[3, 0], [0, 1]]), spread(rng, 2, 2))
    yield call(x, 1, np.array([[3, 0], [0, 1]]), 0.5)
    yield call(spread(rng, 5), 0, np.array([4, 0]), spread(rng, 2))
    yield call(np.asarray(1.5), 0, np.array(0), np.asarray(0.5))
    yield call(x, 1, np.zeros((3, 0), np.int64), np.zeros((3, 0)))


def additions(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 3, 4)
    yield call(x, 0, np.array([[0, 2, 1, 0], [0, 2, 1, 1]]), spread(rng, 2, 4))
    yield call(x, 1, np.array([[3, 3, 3], [0, 0, 1]]), spread(rng, 2, 3))
    yield call(spread(rng, 5), 0, np.array([4, 4, 4]), spread(rng, 3))
    yield call(np.asarray(1.5), 0, np.array(0), np.asarray(0.5))
    yield call(x, 1, np.zeros((3, 0), np.int64), np.zeros((3, 0)))
    yield call(WHOLE, 1, np.array([[0, 0], [1, 1]]), np.array([[5, 6], [7, 8]]))


def reductions(rng: Generator) -> Iterator[Sample]:
    for reduce in ("sum", "prod", "mean", "amax", "amin"):
        for include_self in (True, False):
            yield call(
                spread(rng, 3, 4),
                1,
                np.array([[3, 3, 0], [0, 0, 1]]),
                spread(rng, 2, 3),
                reduce,
                include_self=include_self,
            )
        yield call(spread(rng, 5), 0, np.array([4, 4, 4, 0]), spread(rng, 4), reduce)
        yield call(np.asarray(1.5), 0, np.array(0), np.asarray(0.5), reduce)
        yield call(WHOLE, 1, np.array([[0, 0], [1, 1]]), np.array([[5, 6], [7, 8]]), reduce)
        yield call(np.zeros((0, 2)), 1, np.zeros((0, 2), np.int64), np.zeros((0, 2)), reduce)
    yield call(np.array([2.0, 3.0]), 0, np.array([0, 0, 1]), np.array([0.0, 4.0, 5.0]), "prod")
    yield call(np.array([0.0, 3.0]), 0, np.array([0, 0, 1]), np.array([0.5, 4.0, 5.0]), "prod")


def parts(reduce: str | None = None) -> Any:
    """Sources longer than the index, of which only a part is used. PyTorch has no gradient here."""
    more = () if reduce is None else (reduce,)

    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(spread(rng, 3, 4), 1, np.array([[3, 2], [0, 1]]), spread(rng, 3, 5), *more)
        yield call(spread(rng, 5), 0, np.array([4]), spread(rng, 3), *more)
        yield call(np.asarray(0.5), 0, np.array(0), np.asarray(1.5), *more)
        yield call(spread(rng, 3, 4), 1, np.zeros((3, 0), np.int64), spread(rng, 3, 2), *more)

    return samples


def _scattered(x: Any, dim: int, index: Any, src: Any, reduce: str | None = None) -> Any:
    """A slow loop."""
    out, count = np.atleast_1d(x.copy()), np.ones(np.atleast_1d(x).shape)
    index, src = np.atleast_1d(index), np.atleast_1d(src)
    combine = {
        None: lambda a, b: b,
        "sum": np.add,
        "mean": np.add,
        "amax": np.maximum,
        "amin": np.minimum,
        "prod": np.multiply,
    }[reduce]
    for place in np.ndindex(index.shape):
        target = list(place)
        target[dim] = index[place]
        out[tuple(target)] = combine(out[tuple(target)], src[place])
        count[tuple(target)] += 1
    return (out / count if reduce == "mean" else out).reshape(x.shape)


def puts(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 4, 3)
    yield call(x, (np.array([0, 2]),), spread(rng, 2, 3))
    yield call(x, (np.array([0, 0]), np.array([1, 1])), spread(rng, 2), True)
    yield call(x, (np.array([True, False, True, False]),), np.asarray(0.5))
    yield call(x, (np.array([0, 3]), np.array([1, 2])), spread(rng, 2))
    yield call(x, (np.zeros((0,), np.int64),), np.zeros((0, 3)))


def rows_of(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 4, 3), 0, np.array([3, 0, 0]))
    yield call(spread(rng, 4, 3), -1, np.array([2, 1]))
    yield call(spread(rng, 2, 4, 3), 1, np.array([2, 1, 2, 0, 3]))
    yield call(spread(rng, 4, 3), 1, np.array(2))
    yield call(np.asarray(1.5), 0, np.array([0]))
    yield call(spread(rng, 4, 3), 0, np.zeros((0,), np.int64))


def written_rows(*, twice: bool) -> Any:
    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(spread(rng, 4, 3), 0, np.array([3, 0, 3]) if twice else np.array([3, 0, 1]), spread(rng, 3, 3))
        yield call(spread(rng, 4, 3), -1, np.array([2, 1]), spread(rng, 4, 2))
        yield call(spread(rng, 4), 0, np.array([2]), spread(rng, 1))
        yield call(np.asarray(1.5), 0, np.array([0]), np.asarray(2.5))
        yield call(spread(rng, 4, 3), 0, np.zeros((0,), np.int64), np.zeros((0, 3)))
        if twice:
            yield call(spread(rng, 4, 3), 0, np.array([3, 0, 3]), spread(rng, 3, 3), alpha=-0.5)

    return samples


def filled(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 4, 3), 0, np.array([3, 0, 3]), 1.5)
    yield call(spread(rng, 4, 3), 1, np.array([2]), np.asarray(-1.5))
    yield call(np.asarray(1.5), 0, np.array([0]), 2.0)
    yield call(np.zeros((0, 3)), 1, np.array([0]), 2.0)
    yield call(WHOLE, 1, np.array([0]), 2)


def masks(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 3, 4)
    yield call(x, x > 0)
    yield call(x, np.array([True, False, True, False]))
    yield call(spread(rng, 4), np.array([[True], [False], [True]]))
    yield call(np.asarray(1.5), np.array(True))
    yield call(x, np.array(False))
    yield call(np.zeros((0, 4)), np.array([True, False, True, False]))


def mask_scatters(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 3, 4)
    yield call(x, x > 0, spread(rng, 20))
    yield call(x, np.array([True, False, True, False]), spread(rng, 3, 3))
    yield call(np.asarray(1.5), np.array(True), spread(rng, 2))
    yield call(np.zeros((0, 4)), np.array([True, False, True, False]), spread(rng, 2))


def takes(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), np.array([[0, 11], [-1, 5]]))
    yield call(spread(rng, 3, 4), np.array(3))
    yield call(np.asarray(1.5), np.array([0, 0]))
    yield call(spread(rng, 3, 4), np.zeros((0,), np.int64))


def along(rng: Generator) -> Iterator[Sample]:
    x = spread(rng, 3, 4)
    yield call(x, np.array([[0, 3], [1, 1], [3, 2]]), 1)
    yield call(x, np.array([[0, 3]]), 1)
    yield call(spread(rng, 1, 4), np.array([[0], [3], [2]]), 1)
    yield call(x, np.array([[0, 9], [1, 11]]))
    yield call(np.zeros((0, 4)), np.zeros((0, 2), np.int64), 1)


def written(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), np.array([[0, 11], [-2, 5]]), spread(rng, 2, 2))
    yield call(spread(rng, 3, 4), np.array([0, 0, 5]), spread(rng, 3), True)
    yield call(np.asarray(1.5), np.array([0]), spread(rng, 1))
    yield call(spread(rng, 3, 4), np.zeros((0,), np.int64), np.zeros((0,)))


def places(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([[0.0, 1.5, np.nan], [0.0, 0.0, -2.0]]))
    yield call(np.asarray(0.0))
    yield call(np.asarray(2.0))
    yield call(np.zeros((0, 3)))
    yield call(WHOLE > 1)


def triangles(rng: Generator) -> Iterator[Sample]:
    for k in (0, 1, -2, 9):
        yield call(spread(rng, 4, 3), k)
    yield call(spread(rng, 2, 3, 4))
    yield call(np.zeros((0, 3)))
    yield call(WHOLE)


def diagonals(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3))
    yield call(spread(rng, 3), -2)
    yield call(spread(rng, 3, 4), 1)
    yield call(spread(rng, 4, 3))
    yield call(np.zeros((0,)))
    yield call(np.zeros((0, 3)))


WHOLE = np.arange(6).reshape(2, 3)
FAR = np.array([[5]])
BAD_INDEX = Refusal((X, 0, np.array([[0.5]])), DtypeError, r"index must be int64 or int32\n  input  \(2, 3\)")
OUTSIDE = Refusal((X, 0, FAR), DimError, r"^gather: index 5 is out of range for dim 0 of size 2")
NO_SCALAR = "needs dims to work on"


ROWS = [
    OpRow(
        "getitem by basic keys",
        _get,
        basic_keys,
        oracle=_get,
        torch=lambda torch, x, *key: x[key],
        refusals=[
            Refusal(
                (X, 2),
                DimError,
                r"^indexing: index 2 is out of range for dim 0 of size 2\n  input  \(2, 3\)  float64  cpu",
            ),
            Refusal((X, 0, 0, 0), DimError, "^indexing: 3 indices for 2 dims"),
            Refusal(
                (X, slice(None, None, -1)), ArgumentError, "^indexing: the step of a slice must be positive, got -1"
            ),
            Refusal((X, Ellipsis, Ellipsis), DimError, "^indexing: more than one ellipsis"),
            Refusal((X, "a"), ArgumentError, "^indexing: a key is made of ints, slices, .* got str"),
            Refusal((X, 0.5), ArgumentError, "^indexing: a key is made of ints, slices, .* got float"),
            Refusal((X, slice(0.5, None)), ArgumentError, "^indexing: the ends and the step of a slice"),
        ],
    ),
    OpRow(
        "getitem by tensors",
        _get,
        advanced_keys,
        torch=lambda torch, x, *key: x[key],
        refusals=[
            Refusal((X, np.array([0, 2])), DimError, "^indexing: index 2 is out of range for dim 0 of size 2"),
            Refusal((X, np.array([0.0])), DtypeError, "^indexing: index must be int64 or int32"),
            Refusal((X, np.array([0], np.uint8)), DtypeError, "^indexing: index must be int64 or int32"),
            Refusal(
                (X, np.array([True])), DimError, "^indexing: the mask does not have the input's shape from dim 0 on"
            ),
            Refusal((X, np.array([0, 1]), np.array([0, 1, 2])), DimError, "^indexing: index tensors do not broadcast"),
            Refusal((X, [0.5]), ArgumentError, "^indexing: a list in a key must hold whole numbers or bools"),
            Refusal(
                (X, [[0], [0, 1]]),
                ArgumentError,
                "^indexing: a list in a key must hold numbers, or lists of equal length",
            ),
        ],
    ),
    OpRow(
        "setitem",
        _set,
        assignments,
        torch=lambda torch, *args: _set(*args),
        refusals=[
            Refusal((X, np.ones(2), 0), ShapeError, "^copy_: the value does not stretch"),
            Refusal(
                (X, np.ones(2), np.array([0])), ShapeError, "^index_put: value does not stretch to the indexed shape"
            ),
            Refusal(
                (X, np.ones(3, np.int64), np.array([0])), DtypeError, "^index_put: value must have the input's dtype"
            ),
        ],
    ),
    OpRow(
        "gather",
        medtorch.gather,
        gathers,
        torch="gather",
        refusals=[
            BAD_INDEX,
            OUTSIDE,
            Refusal((X, 0, np.array([0])), ShapeError, "^gather: index must have as many dims"),
            Refusal(
                (X, 1, np.zeros((3, 1), np.int64)), ShapeError, "^gather: index is longer than the input at dim 0: 3, 2"
            ),
            Refusal((X, 0, np.array([[-1]])), DimError, "^gather: index -1 is out of range"),
        ],
    ),
    OpRow(
        "scatter",
        medtorch.scatter,
        scatters,
        torch="scatter",
        refusals=[
            Refusal((X, 0, FAR, X), DimError, "^scatter: index 5"),
            Refusal(
                (X, 0, np.array([[0, 1], [1, 0]]), np.ones((1, 1))),
                ShapeError,
                "^scatter: src must be as long as index",
            ),
            Refusal((X, 0, FAR), ArgumentError, "^scatter: give src or value"),
            Refusal((X, 0, FAR, 1.0), ArgumentError, "^scatter: unknown reduce 'min'", {"reduce": "min"}),
        ],
    ),
    OpRow(
        "scatter with reduce",
        medtorch.scatter,
        lambda rng: [
            call(spread(rng, 3, 4), 1, np.array([[3, 3], [0, 1]]), 0.5, reduce="add"),
            call(spread(rng, 3, 4), 1, np.array([[3, 3], [0, 1]]), 0.5, reduce="multiply"),
            call(np.asarray(2.0), 0, np.array(0), 0.5, reduce="add"),
            call(np.zeros((0, 2)), 1, np.zeros((0, 1), np.int64), 0.5, reduce="add"),
        ],
        torch="scatter",
        gradient=False,
        no_refusal="the same function as scatter",
    ),
    OpRow(
        "scatter_add",
        medtorch.scatter_add,
        additions,
        torch="scatter_add",
        refusals=[
            Refusal((X, 0, FAR, X), DimError, "^scatter_add: index 5"),
            Refusal(
                (X, 0, np.array([[0]]), X.astype(np.float32)),
                DtypeError,
                "^scatter_add: src must have the input's dtype",
            ),
        ],
    ),
    OpRow(
        "scatter_reduce",
        medtorch.scatter_reduce,
        reductions,
        torch="scatter_reduce",
        refusals=[
            Refusal(
                (X, 0, np.array([[0]]), X, "odd"),
                ArgumentError,
                "^scatter_reduce: unknown reduce 'odd'; have sum, prod, mean, amax, amin",
            )
        ],
        second_order=False,
        half=8.0,
    ),
    OpRow("scatter of a part", medtorch.scatter, parts(), oracle=_scattered, no_refusal="as scatter"),
    OpRow(
        "scatter_add of a part",
        medtorch.scatter_add,
        parts(),
        oracle=lambda *a: _scattered(*a, "sum"),
        no_refusal="as scatter_add",
    ),
    *(
        OpRow(
            f"scatter_reduce of a part by {how}",
            medtorch.scatter_reduce,
            parts(how),
            oracle=_scattered,
            no_refusal="as scatter_reduce",
        )
        for how in ("sum", "prod", "mean", "amax", "amin")
    ),
    OpRow(
        "index_put",
        medtorch.index_put,
        puts,
        torch="index_put",
        refusals=[
            Refusal((X, (np.array([7]),), np.ones(3)), DimError, "^indexing: index 7 is out of range"),
            Refusal((X, (None,), X), ArgumentError, "^index_put: at least one index tensor"),
        ],
    ),
    OpRow(
        "index_select",
        medtorch.index_select,
        rows_of,
        torch="index_select",
        refusals=[
            Refusal((X, 0, np.array([2])), DimError, "^index_select: index is out of range for dim 0 of size 2"),
            Refusal((X, 0, np.array([[0]])), ShapeError, "^index_select: index must have 1 dim"),
            Refusal((X, 0, np.array([-1])), DimError, "^index_select: index is out of range"),
        ],
    ),
    OpRow(
        "index_add",
        medtorch.index_add,
        written_rows(twice=True),
        torch="index_add",
        refusals=[Refusal((X, 0, I, np.ones((3, 3))), ShapeError, r"^index_add: source must have the shape \(2, 3\)")],
    ),
    OpRow(
        "index_copy",
        medtorch.index_copy,
        written_rows(twice=False),
        torch="index_copy",
        refusals=[
            Refusal((X, 0, I, X.astype(np.float32)), DtypeError, "^index_copy: source must have the input's dtype")
        ],
    ),
    OpRow(
        "index_fill",
        medtorch.index_fill,
        filled,
        torch="index_fill",
        refusals=[Refusal((X, 0, I, X), ShapeError, "^index_fill: value must be a number or a 0-d tensor")],
    ),
    OpRow(
        "take",
        medtorch.take,
        takes,
        torch="take",
        refusals=[Refusal((X, np.array([6])), DimError, "^indexing: index 6 is out of range for dim 0 of size 6")],
    ),
    OpRow(
        "put",
        medtorch.put,
        written,
        torch=lambda torch, x, *args: x.put(*args),
        refusals=[Refusal((X, I, np.ones(3)), ShapeError, "^put: index and source differ in number")],
    ),
    OpRow(
        "take_along_dim",
        medtorch.take_along_dim,
        along,
        torch="take_along_dim",
        no_zero_dim=NO_SCALAR,
        refusals=[
            Refusal((X, I, 0), ShapeError, "^take_along_dim: input and indices need as many dims"),
            Refusal(
                (X, np.zeros((3, 2), np.int64), 1),
                ShapeError,
                "^take_along_dim: sizes 2 and 3 do not broadcast at dim 0",
            ),
        ],
    ),
    OpRow(
        "masked_select",
        medtorch.masked_select,
        masks,
        torch="masked_select",
        refusals=[
            Refusal((X, X), DtypeError, "^masked_select: mask must be bool"),
            Refusal((X, np.array([True, False])), ShapeError, "^masked_select: shapes do not broadcast"),
        ],
    ),
    OpRow(
        "masked_scatter",
        medtorch.masked_scatter,
        mask_scatters,
        torch="masked_scatter",
        refusals=[
            Refusal((X, X > 0, np.ones(2)), ShapeError, "^masked_scatter: source has too few numbers for 6 places")
        ],
    ),
    OpRow(
        "nonzero",
        medtorch.nonzero,
        places,
        torch="nonzero",
        gradient=False,
        no_refusal="any tensor has numbers that are not zero, or none",
    ),
    OpRow(
        "nonzero as a tuple",
        lambda x: medtorch.nonzero(x, as_tuple=True),
        places,
        torch=lambda torch, x: torch.nonzero(x, as_tuple=True),
        gradient=False,
        no_refusal="as nonzero",
    ),
    OpRow("argwhere", medtorch.argwhere, places, torch="argwhere", gradient=False, no_refusal="as nonzero"),
    OpRow(
        "tril",
        medtorch.tril,
        triangles,
        oracle=lambda x, k=0: np.tril(x, k),
        torch="tril",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((np.ones(3),), ShapeError, "^tril: needs at least 2 dims")],
    ),
    OpRow(
        "triu",
        medtorch.triu,
        triangles,
        oracle=lambda x, k=0: np.triu(x, k),
        torch="triu",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((np.ones(3),), ShapeError, "^triu: needs at least 2 dims")],
    ),
    OpRow(
        "diag",
        medtorch.diag,
        diagonals,
        oracle=lambda x, k=0: np.diag(x, k),
        torch="diag",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((np.ones((2, 2, 2)),), ShapeError, "^diag: takes 1 or 2 dims")],
    ),
    OpRow(
        "diag_embed",
        medtorch.diag_embed,
        lambda rng: [
            call(spread(rng, 2, 3)),
            call(spread(rng, 2, 3), 1),
            call(spread(rng, 2, 3), -1, 0, 2),
            call(spread(rng, 2, 3), 0, 2, 0),
            call(np.zeros((0, 2))),
        ],
        torch="diag_embed",
        no_zero_dim=NO_SCALAR,
        refusals=[
            Refusal((X, 0, 1, 1), DimError, "^diag_embed: the two dims are one and the same"),
            Refusal((X, 0, 5), DimError, "^diag_embed: dim 5"),
        ],
    ),
    OpRow(
        "diagflat",
        medtorch.diagflat,
        lambda rng: [call(spread(rng, 2, 2)), call(spread(rng, 3), 1), call(np.asarray(2.0)), call(np.zeros((0,)))],
        torch="diagflat",
        no_refusal="any numbers can lie on a diagonal",
    ),
    OpRow(
        "diagonal_scatter",
        medtorch.diagonal_scatter,
        lambda rng: [
            call(spread(rng, 3, 3), spread(rng, 3)),
            call(spread(rng, 3, 4), spread(rng, 3), 1),
            call(spread(rng, 2, 3, 4), spread(rng, 2, 3), 0, 1, 2),
            call(np.zeros((0, 2)), np.zeros((0,))),
        ],
        torch="diagonal_scatter",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((X, np.ones(3)), ShapeError, r"^diagonal_scatter: src must have the shape \(2,\)")],
    ),
    OpRow(
        "select_scatter",
        medtorch.select_scatter,
        lambda rng: [
            call(spread(rng, 3, 4), spread(rng, 4), 0, 1),
            call(spread(rng, 3, 4), spread(rng, 3), -1, -1),
            call(spread(rng, 3), np.asarray(2.5), 0, 1),
            call(np.zeros((0, 2)), np.zeros((0,)), 1, 0),
        ],
        torch="select_scatter",
        refusals=[Refusal((X, np.ones(2), 0, 0), ShapeError, r"^select_scatter: src must have the shape \(3,\)")],
    ),
    OpRow(
        "slice_scatter",
        medtorch.slice_scatter,
        lambda rng: [
            call(spread(rng, 4, 3), spread(rng, 2, 3), 0, 1, 3),
            call(spread(rng, 4, 3), spread(rng, 4, 2), 1, None, None, 2),
            call(np.zeros((0, 2)), np.zeros((0, 1)), 1, 1),
        ],
        torch="slice_scatter",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((X, X, 0, 1), ShapeError, r"^slice_scatter: src must have the shape \(1, 3\)")],
    ),
]
