"""Stacking, splitting and turning in the op catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

X = np.ones((2, 3))
NONE_GIVEN = "needs at least one tensor"


def lists(*groups: tuple[tuple[int, ...], ...]) -> Any:
    def samples(rng: Generator) -> Iterator[Sample]:
        for shapes in groups:
            yield call([spread(rng, *shape) for shape in shapes])

    return samples


def singles(*shapes: tuple[int, ...]) -> Any:
    def samples(rng: Generator) -> Iterator[Sample]:
        for shape in shapes:
            yield call(spread(rng, *shape))
        yield call(spread(rng, 2), np.asarray(0.5))
        yield call((spread(rng, 2), spread(rng, 2, 2)))

    return samples


def _row(name: str, samples: Any, *refusals: Refusal, **more: Any) -> OpRow:
    if not refusals:
        more["no_refusal"] = "fits every tensor"
    return OpRow(name, getattr(medtorch, name), samples, torch=name, refusals=refusals, **more)


MATRICES = "takes matrices"

ROWS = [
    _row("atleast_1d", singles((), (3,), (2, 3), (0,))),
    _row("atleast_2d", singles((), (3,), (2, 3), (0,))),
    _row("atleast_3d", singles((), (3,), (2, 3), (2, 2, 2), (0,))),
    _row("vstack", lists(((3,), (2, 3)), ((), ()), ((0, 2), (1, 2))), Refusal(([],), ArgumentError, NONE_GIVEN)),
    _row(
        "hstack",
        lists(((3,), (2,)), ((2, 3), (2, 1)), ((), ()), ((2, 0), (2, 1))),
        Refusal(([],), ArgumentError, NONE_GIVEN),
    ),
    _row(
        "dstack",
        lists(((3,), (3,)), ((2, 3), (2, 3)), ((), ()), ((0, 2), (0, 2))),
        Refusal(([],), ArgumentError, NONE_GIVEN),
    ),
    _row("column_stack", lists(((3,), (3, 2)), ((), ()), ((0,), (0,))), Refusal(([],), ArgumentError, NONE_GIVEN)),
    _row(
        "vsplit",
        lambda rng: [call(spread(rng, 4, 3), 2), call(spread(rng, 4, 3), [1, 3]), call(np.zeros((0, 2)), 1)],
        Refusal((X, 4), ArgumentError, r"^vsplit: 2 do not part into 4 equal pieces\n  input  \(2, 3\)"),
        Refusal((np.ones(3), 3), ShapeError, r"^vsplit: needs at least 2 dims"),
        no_zero_dim=MATRICES,
    ),
    _row(
        "hsplit",
        lambda rng: [call(spread(rng, 3, 4), 2), call(spread(rng, 4), [1, 3]), call(np.zeros((2, 0)), 1)],
        Refusal((X, 2), ArgumentError, "^hsplit: 3 do not part into 2 equal pieces"),
        no_zero_dim=MATRICES,
    ),
    _row(
        "dsplit",
        lambda rng: [call(spread(rng, 2, 3, 4), 2), call(np.zeros((2, 0, 2)), 1)],
        Refusal((X, 2), ShapeError, "^dsplit: needs at least 3 dims"),
        no_zero_dim=MATRICES,
    ),
    _row(
        "block_diag",
        lambda rng: [
            call(spread(rng, 2, 3), spread(rng, 2), np.asarray(0.5)),
            call(np.zeros((0, 2)), spread(rng, 1, 1)),
        ],
        Refusal((np.ones((1, 1, 1)),), ShapeError, "^block_diag: tensor 0 has more than 2 dims"),
    ),
    _row(
        "rot90",
        lambda rng: (
            [call(spread(rng, 2, 3, 2), k, dims) for k in (0, 1, 2, 3, -1, 5) for dims in ((0, 1), (2, 0))]
            + [call(np.zeros((0, 2)))]
        ),
        Refusal((X, 1, (0, 0)), ArgumentError, "^rot90: the two dims are one and the same"),
        no_zero_dim=MATRICES,
    ),
    _row("ravel", lambda rng: [call(spread(rng, 2, 3)), call(np.asarray(0.5)), call(np.zeros((0, 2)))]),
]
