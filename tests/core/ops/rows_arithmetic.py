"""Arithmetic of two tensors in the op catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, positive, spread

X = np.ones((2, 3))
WHOLE = np.array([[7, -7, 5], [-5, 3, 1]])
DIVISORS = np.array([[2, 3, -4], [-2, 5, 1]])


def pairs(draw: Callable[..., Any] = spread, *, numbers: bool = True, whole: bool = True) -> Any:
    """Equal and broadcast shapes, numbers on the right, whole numbers, nothing."""

    def samples(rng: Generator) -> Iterator[Sample]:
        for a, b in (((3, 4), (3, 4)), ((2, 3, 1), (4,)), ((), (3,)), ((), ()), ((0, 3), (3,))):
            # Drawn together, so that no two numbers are equal: maximum, remainder and others have kinks there.
            both = draw(rng, int(np.prod(a)) + int(np.prod(b)))
            yield call(both[: int(np.prod(a))].reshape(a), both[int(np.prod(a)) :].reshape(b))
        if numbers:
            yield call(draw(rng, 2, 3), 1.75)
        if whole:
            yield call(WHOLE, DIVISORS)
            yield call(WHOLE.astype(np.int32), DIVISORS[0].astype(np.uint8))

    return samples


def whole_pairs(rng: Generator) -> Iterator[Sample]:
    yield call(WHOLE, DIVISORS)
    yield call(WHOLE, 3)
    yield call(np.asarray(5), np.array([1, 4]))
    yield call(WHOLE > 0, DIVISORS > 0)
    yield call(WHOLE.astype(np.uint8), WHOLE.astype(np.int16))
    yield call(np.zeros((0, 3), np.int64), DIVISORS[0])


def shifts(rng: Generator) -> Iterator[Sample]:
    yield call(WHOLE, np.array([[1, 2, 3], [0, 1, 4]]))
    yield call(WHOLE, 2)
    yield call(np.asarray(5), np.array([1, 4]))
    yield call(np.zeros((0, 3), np.int64), np.array([1, 2, 3]))


def scaled(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), spread(rng, 4), alpha=-1.5)
    yield call(WHOLE, DIVISORS, alpha=2)
    yield call(np.asarray(1.5), np.asarray(0.5), alpha=2)
    yield call(np.zeros((0,)), np.zeros((0,)), alpha=2)


def powers(rng: Generator) -> Iterator[Sample]:
    yield call(positive(rng, 3, 4), spread(rng, 3, 4))
    for exponent in (0, 1, 2, 3, -1, 0.5, -1.5):
        yield call(positive(rng, 3), exponent)
    yield call(spread(rng, 4), 3)
    yield call(2.5, spread(rng, 3))
    yield call(np.asarray(1.5), np.asarray(0.5))
    yield call(WHOLE, 2)
    yield call(np.zeros((0, 2)), 2)


def rounded(mode: str) -> Any:
    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(np.array([7.3, -7.3, 5.1]), np.array([2.0, 2.0, -1.7]), rounding_mode=mode)
        yield call(WHOLE, DIVISORS, rounding_mode=mode)
        yield call(np.asarray(5.5), 2, rounding_mode=mode)
        yield call(np.zeros((0,)), 2, rounding_mode=mode)

    return samples


def remainders(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([7.3, -7.3, 5.0, -0.4]), np.array([2.0, 2.1, -1.7, -3.3]))
    yield call(np.array([[7.3], [-7.3]]), 1.9)
    yield call(WHOLE, DIVISORS)
    yield call(np.asarray(5.5), np.asarray(2.2))
    yield call(np.zeros((0,)), np.asarray(2.0))


def threes(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), spread(rng, 4), positive(rng, 3, 1))
    yield call(spread(rng, 3, 4), spread(rng, 3, 4), positive(rng, 3, 4), value=-0.5)
    yield call(np.asarray(1.5), np.asarray(0.5), np.asarray(2.0))
    yield call(np.zeros((0, 2)), np.ones(2), np.ones(2))


def blends(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), spread(rng, 4), 0.3)
    yield call(spread(rng, 3, 4), spread(rng, 3, 4), positive(rng, 3, 1, low=0.1, high=0.45))
    yield call(spread(rng, 3), spread(rng, 3), 0.8)
    yield call(np.asarray(1.5), np.asarray(0.5), np.asarray(0.2))
    yield call(np.zeros((0, 2)), np.ones(2), 0.5)


CLASH = Refusal(
    (X, np.ones(2)),
    ShapeError,
    r"shapes do not broadcast\n  input  \(2, 3\)  float64  cpu\n  other  \(2,\)    float64  cpu",
)
FLOATS = Refusal((X, X), DtypeError, "takes whole numbers")
ZERO = Refusal((WHOLE, np.asarray(0)), ArgumentError, "")
AS_ADD = "the same function as without"

ROWS = [
    OpRow("add", medtorch.add, pairs(), oracle=np.add, torch="add", refusals=[CLASH]),
    OpRow("add with alpha", medtorch.add, scaled, torch="add", no_refusal=AS_ADD),
    OpRow(
        "sub",
        medtorch.sub,
        pairs(),
        oracle=np.subtract,
        torch="sub",
        refusals=[CLASH, Refusal((X > 0, X > 0), DtypeError, "^sub: bool tensors cannot be subtracted")],
    ),
    OpRow("sub with alpha", medtorch.sub, scaled, torch="sub", no_refusal=AS_ADD),
    OpRow(
        "rsub",
        medtorch.rsub,
        pairs(),
        torch="rsub",
        refusals=[Refusal((X, np.ones(2)), ShapeError, "^sub: shapes do not broadcast")],
    ),
    OpRow("mul", medtorch.mul, pairs(), oracle=np.multiply, torch="mul", refusals=[CLASH]),
    OpRow(
        "div",
        medtorch.div,
        pairs(),
        oracle=np.divide,
        torch="div",
        refusals=[CLASH, Refusal((X, X), ArgumentError, "^div: .*rounding_mode", {"rounding_mode": "up"})],
    ),
    OpRow("div, floor", medtorch.div, rounded("floor"), torch="div", gradient=False, half=None, no_refusal="as div"),
    OpRow("div, trunc", medtorch.div, rounded("trunc"), torch="div", gradient=False, half=None, no_refusal="as div"),
    OpRow(
        "floor_divide",
        medtorch.floor_divide,
        remainders,
        torch="floor_divide",
        gradient=False,
        half=None,
        refusals=[CLASH, ZERO],
    ),
    OpRow("remainder", medtorch.remainder, remainders, torch="remainder", half=16.0, refusals=[CLASH, ZERO]),
    OpRow("fmod", medtorch.fmod, remainders, torch="fmod", half=16.0, refusals=[CLASH, ZERO]),
    OpRow(
        "pow",
        medtorch.pow,
        powers,
        torch="pow",
        half=8.0,
        refusals=[CLASH, Refusal((WHOLE, -1), ArgumentError, "^pow: ")],
    ),
    OpRow("atan2", medtorch.atan2, pairs(numbers=False), oracle=np.arctan2, torch="atan2", refusals=[CLASH]),
    OpRow("maximum", medtorch.maximum, pairs(numbers=False), oracle=np.maximum, torch="maximum", refusals=[CLASH]),
    OpRow("minimum", medtorch.minimum, pairs(numbers=False), oracle=np.minimum, torch="minimum", refusals=[CLASH]),
    OpRow("fmax", medtorch.fmax, pairs(numbers=False), oracle=np.fmax, torch="fmax", refusals=[CLASH]),
    OpRow("fmin", medtorch.fmin, pairs(numbers=False), oracle=np.fmin, torch="fmin", refusals=[CLASH]),
    *(
        OpRow(
            f"{function.__name__} of ties and NaN",
            function,
            lambda rng: [
                call(np.array([1.0, 2.0, np.nan, 3.0]), np.array([1.0, np.nan, 2.0, 2.5])),
                call(np.asarray(1.0), np.asarray(1.0)),
                call(np.zeros(0), np.zeros(0)),
            ],
            torch=function.__name__,
            gradient=False,
            no_refusal=AS_ADD,
        )
        for function in (medtorch.maximum, medtorch.minimum, medtorch.fmax, medtorch.fmin)
    ),
    OpRow(
        "addcmul",
        medtorch.addcmul,
        threes,
        oracle=lambda x, a, b, value=1: x + value * a * b,
        torch="addcmul",
        half=8.0,
        refusals=[Refusal((X, X, np.ones(2)), ShapeError, "shapes do not broadcast")],
    ),
    OpRow(
        "addcdiv",
        medtorch.addcdiv,
        threes,
        oracle=lambda x, a, b, value=1: x + value * a / b,
        torch="addcdiv",
        half=8.0,
        refusals=[Refusal((X, X, np.ones(2)), ShapeError, "shapes do not broadcast")],
    ),
    OpRow(
        "lerp",
        medtorch.lerp,
        blends,
        oracle=lambda a, b, w: a + w * (b - a),
        torch="lerp",
        half=8.0,
        refusals=[Refusal((X, np.ones(2), 0.5), ShapeError, "shapes do not broadcast")],
    ),
    OpRow(
        "bitwise_and",
        medtorch.bitwise_and,
        whole_pairs,
        oracle=np.bitwise_and,
        torch="bitwise_and",
        gradient=False,
        half=None,
        refusals=[FLOATS],
    ),
    OpRow(
        "bitwise_or",
        medtorch.bitwise_or,
        whole_pairs,
        oracle=np.bitwise_or,
        torch="bitwise_or",
        gradient=False,
        half=None,
        refusals=[FLOATS],
    ),
    OpRow(
        "bitwise_xor",
        medtorch.bitwise_xor,
        whole_pairs,
        oracle=np.bitwise_xor,
        torch="bitwise_xor",
        gradient=False,
        half=None,
        refusals=[FLOATS],
    ),
    OpRow(
        "bitwise_left_shift",
        medtorch.bitwise_left_shift,
        shifts,
        oracle=np.left_shift,
        torch="bitwise_left_shift",
        gradient=False,
        half=None,
        refusals=[FLOATS],
    ),
    OpRow(
        "bitwise_right_shift",
        medtorch.bitwise_right_shift,
        shifts,
        oracle=np.right_shift,
        torch="bitwise_right_shift",
        gradient=False,
        half=None,
        refusals=[FLOATS],
    ),
    OpRow(
        "bitwise_not",
        medtorch.bitwise_not,
        lambda rng: [
            call(WHOLE),
            call(WHOLE > 0),
            call(np.asarray(3)),
            call(np.zeros((0,), np.int64)),
            call(WHOLE.astype(np.uint8)),
        ],
        oracle=np.invert,
        torch="bitwise_not",
        gradient=False,
        half=None,
        refusals=[Refusal((X,), DtypeError, "^bitwise_not: takes whole numbers")],
    ),
]
