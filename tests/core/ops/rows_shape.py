"""Shapes, views and putting together in the op catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DimError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

X = np.ones((2, 3))
NO_SCALAR = "needs a dim to work on"
FAR = r"dim 5 is out of range for 2 dims"


def given(*arguments: tuple[Any, ...], shape: tuple[int, ...] = (2, 3, 4), more: Any = ()) -> Any:
    """One tensor of `shape` with each of the argument lists; then further samples."""

    def samples(rng: Generator) -> Iterator[Sample]:
        for args in arguments:
            yield call(spread(rng, *shape), *args)
        for other_shape, args in more:
            yield call(spread(rng, *other_shape), *args)

    return samples


def joined(rng: Generator) -> Iterator[Sample]:
    a, b = spread(rng, 2, 3), spread(rng, 4, 3)
    yield call([a, b])
    yield call((a, a + 0.1, a), 1)
    yield call([a, b], -2)
    yield call([a])
    yield call([a, np.zeros((0,))])
    yield call([a, np.zeros((0, 3))])
    yield call([np.array([1, 2]), np.array([0.5])])


def stacked(rng: Generator) -> Iterator[Sample]:
    a, b = spread(rng, 2, 3), spread(rng, 2, 3)
    for dim in (0, 1, 2, -1):
        yield call([a, b], dim)
    yield call([np.asarray(1.5), np.asarray(2.5)])
    yield call([np.zeros((0, 2)), np.zeros((0, 2))])


def grids(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2), spread(rng, 3), indexing="ij")
    yield call(spread(rng, 2), spread(rng, 3), spread(rng, 2), indexing="xy")
    yield call(spread(rng, 2), np.asarray(0.5), indexing="ij")
    yield call(np.zeros((0,)), spread(rng, 2), indexing="ij")


def _method(name: str) -> Any:
    return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


def _row(name: str, samples: Any, refusals: Any = (), *, method: bool = False, **more: Any) -> OpRow:
    function = _method(name) if method else getattr(medtorch, name)
    peer = (lambda torch, x, *args, **kwargs: getattr(x, name)(*args, **kwargs)) if method else name
    if not refusals:
        more.setdefault("no_refusal", "fits every tensor")
    return OpRow(name, function, samples, torch=peer, refusals=refusals, **more)


SCALAR = ((), ())
NOTHING = ((0, 3), ())

ROWS = [
    _row(
        "reshape",
        given(((6, 4),), ((-1,),), ((2, -1, 2),), more=[((), ((1, 1),)), ((0, 3), ((3, 0),))]),
        [
            Refusal((X, (4, 2)), ShapeError, r"^reshape: shape \(4, 2\) does not fit 6 elements of shape \(2, 3\)"),
            Refusal((X, (-1, -1)), ShapeError, "^reshape: only one size may be -1"),
        ],
    ),
    _row(
        "view",
        given((6, 4), (-1,), (2, 3, 2, 2), more=[((), (1, 1)), ((0, 3), (3, 0))]),
        [Refusal((X, 4, 2), ShapeError, "^view: shape")],
        method=True,
        same_strides=False,
    ),
    _row(
        "flatten",
        given((), (1,), (0, 1), (-2, -1), more=[SCALAR, NOTHING]),
        [Refusal((X, 1, 0), DimError, "^flatten: start_dim 1 comes after end_dim 0"), Refusal((X, 5), DimError, FAR)],
    ),
    _row(
        "unflatten",
        given((1, (3, 1)), (2, (2, -1)), more=[((0, 4), (1, (2, 2)))]),
        [Refusal((X, 1, (2, 2)), ShapeError, "^unflatten: ")],
        no_zero_dim=NO_SCALAR,
    ),
    _row(
        "permute",
        given(((2, 0, 1),), ((0, -1, 1),), more=[((), ((),)), ((0, 3), ((1, 0),))]),
        [Refusal((X, (0,)), DimError, "permute"), Refusal((X, (0, 0)), DimError, "a dim appears twice")],
    ),
    _row(
        "transpose",
        given((0, 1), (-1, 0), (1, 1), more=[((), (0, -1)), ((0, 3), (0, 1))]),
        [Refusal((X, 0, 5), DimError, FAR)],
    ),
    _row(
        "t",
        given((), shape=(2, 3), more=[((4,), ()), SCALAR, NOTHING]),
        [Refusal((np.ones((2, 2, 2)),), ShapeError, "^t: ")],
    ),
    _row(
        "movedim",
        given((0, 2), ((0, 1), (2, 0)), (-1, 0), more=[((), (0, 0)), ((0, 3), (0, 1))]),
        [Refusal((X, 0, 5), DimError, FAR)],
    ),
    _row(
        "squeeze",
        given((), (0,), (2,), ((0, 2),), (1,), shape=(1, 3, 1), more=[SCALAR, ((), (0,)), ((0, 1), (1,))]),
        [Refusal((X, 5), DimError, FAR)],
    ),
    _row(
        "unsqueeze",
        given((0,), (3,), (-1,), (-2,), more=[((), (0,)), ((0, 3), (1,))]),
        [Refusal((X, 5), DimError, "dim 5 is out of range")],
    ),
    _row(
        "expand",
        given((2, 3, 4), (-1, 3, 4), (5, 2, 3, 4), shape=(2, 1, 4), more=[((), (2, 3)), ((0, 1), (0, 3))]),
        [Refusal((X, 4, 3), ShapeError, "^expand: does not stretch")],
        method=True,
    ),
    _row(
        "broadcast_to",
        given(((5, 3, 4),), shape=(3, 1), more=[((), ((2,),)), ((0, 1), ((0, 3),))]),
        [Refusal((X, (4, 3)), ShapeError, "does not stretch")],
    ),
    OpRow(
        "broadcast_tensors",
        medtorch.broadcast_tensors,
        lambda rng: [
            call(spread(rng, 3, 1), spread(rng, 2)),
            call(np.asarray(1.5), spread(rng, 2)),
            call(np.zeros((0, 1)), spread(rng, 2)),
        ],
        torch="broadcast_tensors",
        refusals=[Refusal((X, np.ones(2)), ShapeError, "do not broadcast")],
    ),
    _row(
        "sum_to_size",
        given((2, 1, 4), (4,), (1, 1), (2, 3, 4), more=[((), ((),)), ((0, 3), (1, 3))]),
        [Refusal((X, 2, 2), ShapeError, "^sum_to_size: ")],
        method=True,
    ),
    _row(
        "repeat",
        given((2, 1, 3), (2, 1, 1, 2), more=[((), (3,)), ((0, 3), (2, 2))]),
        [Refusal((X, 2), ShapeError, "repeat")],
        method=True,
    ),
    _row("tile", given(((2,),), ((2, 1, 1, 2),), more=[((), ((3,),)), ((0, 3), ((2, 2),))])),
    _row(
        "repeat_interleave",
        given((2,), (3, 1), (2, -1), more=[((), (3,)), ((0, 3), (2, 0))]),
        [Refusal((X, 2, 5), DimError, FAR)],
    ),
    OpRow(
        "repeat_interleave by tensors",
        medtorch.repeat_interleave,
        lambda rng: [
            call(spread(rng, 3, 2), np.array([2, 0, 1]), 0),
            call(spread(rng, 4), np.array([1, 2, 0, 1])),
            call(np.zeros((0, 2)), np.zeros((0,), np.int64), 0),
            call(spread(rng, 3), np.array(2), 0),
        ],
        torch="repeat_interleave",
        no_refusal="as repeat_interleave",
    ),
    _row(
        "flip",
        given(((0,),), ((0, 2),), ((-1,),), more=[((), ((),)), ((0, 3), ((1,),))]),
        [Refusal((X, (5,)), DimError, FAR), Refusal((X, (0, 0)), DimError, "a dim appears twice")],
    ),
    _row("fliplr", given((), more=[NOTHING]), no_zero_dim=NO_SCALAR),
    _row("flipud", given((), more=[NOTHING]), no_zero_dim=NO_SCALAR),
    _row(
        "roll",
        given((1,), (-2, 1), ((1, 2), (0, -1)), more=[((), (1,)), ((0, 3), (1, 1))]),
        [Refusal((X, (1, 2), 0), ArgumentError, "^roll: ")],
    ),
    _row(
        "narrow",
        given((0, 1, 1), (1, 0, 2), (-1, -3, 2), (2, 4, 0), more=[((0, 3), (1, 1, 2))]),
        [Refusal((X, 0, 1, 2), DimError, "narrow")],
        no_zero_dim=NO_SCALAR,
    ),
    _row(
        "select",
        given((0, 1), (1, -1), (-1, 0), more=[((0, 3), (1, 1))]),
        [Refusal((X, 0, 2), DimError, "select")],
        no_zero_dim=NO_SCALAR,
    ),
    _row(
        "split",
        given((2, 1), (1,), ([1, 2], 1), (3, -1), (10, 2), more=[((0, 3), (2, 1))]),
        [Refusal((X, [1, 1], 1), ShapeError, "^split: ")],
        no_zero_dim=NO_SCALAR,
    ),
    _row(
        "chunk",
        given((2, 1), (3, -1), (5, 0), more=[((0, 3), (2, 1))]),
        [Refusal((X, 0), ArgumentError, "^chunk: ")],
        no_zero_dim=NO_SCALAR,
    ),
    _row(
        "tensor_split",
        given((2, 1), (3, -1), ([1, 2], 2), more=[((0, 3), (2, 1))]),
        [Refusal((X, 0), ArgumentError, "^tensor_split: ")],
        no_zero_dim=NO_SCALAR,
    ),
    _row(
        "unbind", given((), (1,), (-1,), more=[((0, 3), (1,))]), [Refusal((X, 5), DimError, FAR)], no_zero_dim=NO_SCALAR
    ),
    _row(
        "cat",
        joined,
        [
            Refusal(
                ([X, np.ones((2, 2))],),
                ShapeError,
                r"^cat: tensor 1 differs elsewhere than at dim 0\n  tensors\[0\]  \(2, 3\)",
            ),
            Refusal(([],), ArgumentError, "^cat: "),
        ],
        no_zero_dim=NO_SCALAR,
    ),
    _row(
        "stack",
        stacked,
        [Refusal(([X, np.ones((2, 2))],), ShapeError, "^stack: "), Refusal(([],), ArgumentError, "^stack: ")],
    ),
    _row(
        "diagonal",
        given((), (1,), (-1, 1, 2), (0, 0, -1), more=[((0, 3), ())]),
        [Refusal((X, 0, 1, 1), DimError, "^diagonal: ")],
        no_zero_dim=NO_SCALAR,
    ),
    _row(
        "unfold",
        given((2, 2, 1), (1, 3, 1), (-1, 2, 2), more=[((), (0, 1, 1)), ((0, 3), (1, 2, 1))]),
        [Refusal((X, 0, 3, 1), ArgumentError, "^unfold: ")],
        method=True,
    ),
    _row("meshgrid", grids, [Refusal((np.ones(2),), ArgumentError, "^meshgrid: ", {"indexing": "yx"})]),
]
