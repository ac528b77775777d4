"""Activations and softmax in the op catalogue. Oracles are their formulas in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from medtorch.core.ops import activation, softmax
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread

Array = np.ndarray[Any, Any]
WHOLE = np.ones((2, 3), np.int64)
_erf = np.vectorize(math.erf, otypes=[float])


def values(*more: Any, **named: Any) -> Callable[[Generator], Iterator[Sample]]:
    """Numbers around zero, apart from every kink that is a multiple of 1/2."""

    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(spread(rng, 3, 5, low=-4.13, high=4.21), *more, **named)
        yield call(spread(rng, 2, 1, 4, low=-1.3, high=1.2), *more, **named)
        yield call(np.asarray(-0.7), *more, **named)
        yield call(np.zeros((0, 3)), *more, **named)

    return samples


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    return np.where(x * beta > threshold, x, np.log(1 + np.exp(x * beta)) / beta)


def _elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def _selu(x: Array) -> Array:
    return np.asarray(1.0507009873554805 * _elu(x, 1.6732632423543772))


def _gelu(x: Array, approximate: str = "none") -> Array:
    if approximate == "none":
        return np.asarray(x * (1 + _erf(x / math.sqrt(2))) / 2)
    return np.asarray(x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2)


def _cut(x: Array, low: float, high: float) -> Array:
    return np.minimum(np.maximum(x, low), high)


def _prelu(x: Array, weight: Array) -> Array:
    slopes = weight.reshape(1, -1, *(1,) * (x.ndim - 2)) if weight.size > 1 else weight.reshape(())
    return np.where(x > 0, x, slopes * x)


def prelus(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3, 2), spread(rng, 3))
    yield call(spread(rng, 4), spread(rng, 1))
    yield call(spread(rng, 2, 2), np.asarray(0.3))
    yield call(np.zeros((0, 3)), spread(rng, 3))


def _glu(x: Array, dim: int = -1) -> Array:
    first, second = np.split(x, 2, dim)
    return np.asarray(first * _sigmoid(second))


def glus(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4))
    yield call(spread(rng, 2, 4, 3), 1)
    yield call(spread(rng, 6), 0)
    yield call(np.zeros((0, 4)))


def probabilities(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), 1)
    yield call(spread(rng, 2, 3, 2), 0)
    yield call(spread(rng, 2, 3, 2), -2)
    yield call(spread(rng, 4, low=-800, high=800), 0)
    yield call(np.asarray(0.3), 0)
    yield call(np.zeros((0, 3)), 1)
    yield call(np.zeros((3, 0)), 1)


def _softmax(x: Array, dim: int) -> Array:
    if not x.ndim or not x.size:
        return np.ones_like(x)
    powers = np.exp(x - x.max(dim, keepdims=True))
    return np.asarray(powers / powers.sum(dim, keepdims=True))


def _log_softmax(x: Array, dim: int) -> Array:
    if not x.ndim or not x.size:
        return np.zeros_like(x)
    shifted = x - x.max(dim, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(dim, keepdims=True)))


def _row(function: Any, oracle: Any, *more: Any, name: str = "", refusals: Any = None, **named: Any) -> OpRow:
    own = function.__name__
    whole = Refusal((WHOLE, *more), DtypeError, rf"^{own}: input must be floating point\n  input  \(2, 3\)", named)
    return OpRow(
        name or own,
        function,
        values(*more, **named),
        oracle=oracle,
        torch=f"nn.functional.{own}",
        refusals=[whole] if refusals is None else refusals,
        half=6.0,
    )


def _soft(function: Any, oracle: Any, name: str) -> OpRow:
    return OpRow(
        function.__name__,
        function,
        probabilities,
        oracle=oracle,
        torch=f"nn.functional.{function.__name__}",
        half=8.0,
        refusals=[
            Refusal((np.ones((2, 3)), 2), DimError, rf"^{name}: dim 2 is out of range for 2 dims"),
            Refusal((WHOLE, 0), DtypeError, rf"^{name}: x must be floating point\n  x  \(2, 3\)"),
        ],
    )


TRUTH = np.ones(3) > 0
NOT_BOOL = [Refusal((TRUTH,), DtypeError, r"^hardtanh: does not take bool\n")]
A = activation

ROWS = [
    _row(A.leaky_relu, lambda x, slope: np.where(x > 0, x, slope * x), 0.2),
    _row(A.elu, _elu, 1.3),
    _row(
        A.celu,
        lambda x, a: np.maximum(x, 0) + np.minimum(0, a * (np.exp(x / a) - 1)),
        0.5,
        refusals=[Refusal((np.ones(2), 0.0), ArgumentError, r"^celu: alpha must not be 0\n")],
    ),
    _row(A.selu, _selu, refusals=[Refusal((WHOLE,), DtypeError, r"^elu: input must be floating point\n")]),
    _row(A.silu, lambda x: x * _sigmoid(x)),
    _row(A.mish, lambda x: x * np.tanh(_softplus(x))),
    _row(A.gelu, _gelu),
    _row(
        A.gelu,
        _gelu,
        name="gelu tanh",
        approximate="tanh",
        refusals=[
            Refusal((np.ones(2), "sigmoid"), ArgumentError, r"^gelu: approximate must be none or tanh, got 'sigmoid'\n")
        ],
    ),
    _row(A.hardswish, lambda x: x * _cut(x + 3, 0, 6) / 6),
    OpRow(  # PyTorch's gradient uses 1/6 rounded to float32
        "hardsigmoid",
        A.hardsigmoid,
        values(),
        oracle=lambda x: _cut(x + 3, 0, 6) / 6,
        refusals=[Refusal((WHOLE,), DtypeError, r"^hardsigmoid: input must be floating point\n")],
    ),
    _row(
        A.hardtanh,
        _cut,
        -1.55,
        0.9,
        refusals=[
            *NOT_BOOL,
            Refusal((np.ones(2), 2.0, 1.0), ArgumentError, r"^hardtanh: min_val 2.0 is greater than max_val 1.0\n"),
        ],
    ),
    _row(A.relu6, lambda x: _cut(x, 0, 6), refusals=NOT_BOOL),
    _row(A.softplus, _softplus, 2.0, 3.0),
    _row(A.logsigmoid, lambda x: -np.log(1 + np.exp(-x))),
    _row(
        A.softshrink,
        lambda x, c: np.where(x > c, x - c, np.where(x < -c, x + c, 0)),
        0.61,
        refusals=[Refusal((np.ones(2), -1.0), ArgumentError, r"^softshrink: lambd must not be negative, got -1.0\n")],
    ),
    _row(A.hardshrink, lambda x, c: np.where(np.abs(x) > c, x, 0), 0.61),
    _row(
        A.threshold,
        lambda x, t, v: np.where(x > t, x, v),
        0.31,
        -2.5,
        refusals=[Refusal((TRUTH, 0.0, 1.0), DtypeError, r"^threshold: does not take bool\n")],
    ),
    OpRow(
        "softsign",
        A.softsign,
        values(),
        oracle=lambda x: x / (1 + np.abs(x)),
        torch="nn.functional.softsign",
        no_refusal="takes what / and abs take",
    ),
    OpRow(
        "tanhshrink",
        A.tanhshrink,
        values(),
        oracle=lambda x: x - np.tanh(x),
        torch="nn.functional.tanhshrink",
        half=8.0,
        no_refusal="takes what - and tanh take",
    ),
    OpRow(
        "prelu",
        A.prelu,
        prelus,
        oracle=_prelu,
        torch="nn.functional.prelu",
        refusals=[
            Refusal(
                (np.ones((2, 3)), np.ones(2)), ShapeError, r"^prelu: weight must have 1 element, or 3, one a channel\n"
            ),
            Refusal((np.ones((2, 3)), np.ones((1, 1))), ShapeError, r"^prelu: weight must have 1 dim or none, has 2\n"),
            Refusal(
                (np.ones((2, 3)), np.ones(1, np.float32)),
                DtypeError,
                r"^prelu: input and weight must have the same dtype\n",
            ),
        ],
    ),
    OpRow(
        "glu",
        A.glu,
        glus,
        oracle=_glu,
        torch="nn.functional.glu",
        no_zero_dim="there is nothing to halve",
        refusals=[
            Refusal((np.ones((2, 3)),), ShapeError, r"^glu: the size along dim -1 must be even, is 3\n"),
            Refusal((np.asarray(1.0),), ShapeError, r"^glu: input must have 1 dim or more\n"),
        ],
    ),
    _soft(softmax.softmax, _softmax, "softmax"),
    _soft(softmax.log_softmax, _log_softmax, "log_softmax"),
    _soft(softmax.softmin, lambda x, dim: _softmax(-x, dim), "softmax"),
]
