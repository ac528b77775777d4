"""Losses in the op catalogue. Oracles walk over samples one by one, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from medtorch.core.ops import classes, loss, regression_loss
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, positive, spread

Array = np.ndarray[Any, Any]
X, T = np.ones((2, 3)), np.array([0, 2])


def _reduced(values: Array, reduction: str) -> Array:
    if reduction == "none":
        return np.asarray(values)
    return np.asarray(values.sum() if reduction == "sum" else values.sum() / values.size if values.size else math.nan)


def _log_softmax(x: Array, axis: int) -> Array:
    top = x.max(axis, keepdims=True)
    return np.asarray(x - top - np.log(np.exp(x - top).sum(axis, keepdims=True)))


def _nll_terms(x: Array, target: Array, weight: Array | None, ignore_index: int) -> tuple[Array, Array]:
    """Loss and weight of each target, for (N, C, ...)."""
    terms, counts = np.zeros(target.shape), np.zeros(target.shape)
    for at in np.ndindex(*target.shape):
        c = target[at]
        if c != ignore_index:
            counts[at] = 1.0 if weight is None else weight[c]
            terms[at] = -counts[at] * x[(at[0], c, *at[1:])]
    return terms, counts


def _nll(
    x: Array,
    target: Array,
    weight: Array | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Array:
    single = x.ndim == 1
    terms, counts = _nll_terms(x[None] if single else x, target[None] if single else target, weight, ignore_index)
    if reduction == "mean":
        return np.asarray(terms.sum() / counts.sum() if counts.sum() else math.nan)
    return _reduced(terms[0] if single else terms, reduction)


def _cross_entropy(
    x: Array,
    target: Array,
    weight: Array | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    axis = 0 if x.ndim == 1 else 1
    log_p, n = _log_softmax(x, axis), x.shape[axis]
    factors = np.ones(n) if weight is None else weight
    scaled = log_p * factors.reshape([-1 if d == axis else 1 for d in range(x.ndim)])
    if target.shape == x.shape:
        soft = target * (1 - label_smoothing) + label_smoothing / n
        return _reduced(-(scaled * soft).sum(axis), reduction)
    plain = _nll(log_p, target, weight, None, ignore_index, None, reduction)
    even = np.where(target == ignore_index, 0.0, -scaled.sum(axis))
    if reduction == "mean":
        counts = np.where(target == ignore_index, 0.0, factors[np.where(target == ignore_index, 0, target)])
        even = np.asarray(even.sum() / counts.sum())
    else:
        even = _reduced(even, reduction)
    return np.asarray((1 - label_smoothing) * plain + label_smoothing / n * even)


def class_targets(smooth: bool) -> Callable[[Generator], Iterator[Sample]]:
    def samples(rng: Generator) -> Iterator[Sample]:
        for reduction in ("none", "mean", "sum"):
            yield call(spread(rng, 4, 3), np.array([0, 2, 1, 2]), reduction=reduction)
            yield call(
                spread(rng, 2, 3, 2, 2),
                np.array([[[0, 1], [2, 1]], [[1, 1], [0, 2]]]),
                ignore_index=1,
                reduction=reduction,
            )
            yield call(spread(rng, 3), np.asarray(1), reduction=reduction)
        yield call(spread(rng, 2, 3, 2), np.array([[-100, 1], [2, 0]]))
        if smooth:
            for reduction in ("none", "mean", "sum"):
                yield call(
                    spread(rng, 3, 3), np.array([0, 2, 1]), ignore_index=2, reduction=reduction, label_smoothing=0.2
                )
                yield call(spread(rng, 2, 3, 2), positive(rng, 2, 3, 2), reduction=reduction, label_smoothing=0.1)
            yield call(spread(rng, 3), positive(rng, 3))
        yield call(np.zeros((0, 3)), np.zeros(0, np.int64), reduction="sum")

    return samples


def _pair(oracle: Callable[..., Any]) -> Callable[..., Array]:
    """The oracle of a loss of two arrays, reduced."""

    def reduced(a: Array, b: Array, *more: Any, reduction: str = "mean", **named: Any) -> Array:
        return _reduced(np.asarray(oracle(a, b, *more, **named)), reduction)

    return reduced


def pairs(
    first: Any = spread, second: Any = spread, empty: bool = True, **named: Any
) -> Callable[[Generator], Iterator[Sample]]:
    def samples(rng: Generator) -> Iterator[Sample]:
        for reduction in ("none", "mean", "sum"):
            yield call(first(rng, 3, 4), second(rng, 3, 4), reduction=reduction, **named)
        yield call(np.asarray(first(rng, 1)[0]), np.asarray(second(rng, 1)[0]), **named)
        if empty:
            yield call(np.zeros((0, 2)) + 0.5, np.zeros((0, 2)) + 0.5, reduction="sum", **named)

    return samples


def shares(rng: Generator, *shape: int) -> Array:
    """Probabilities well inside of (0, 1)."""
    return np.asarray(rng.uniform(0.1, 0.9, shape))


def _smooth_l1(a: Array, b: Array, beta: float = 1.0) -> Array:
    d = np.abs(a - b)
    return d if beta == 0 else np.where(d < beta, d * d / (2 * beta), d - beta / 2)


def _huber(a: Array, b: Array, delta: float = 1.0) -> Array:
    d = np.abs(a - b)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


def _with_logits(x: Array, t: Array, weight: Any = None, pos_weight: Array | None = None) -> Array:
    p = 1 / (1 + np.exp(-x))
    return np.asarray(-((1.0 if pos_weight is None else pos_weight) * t * np.log(p) + (1 - t) * np.log(1 - p)))


def logits(rng: Generator) -> Iterator[Sample]:
    yield from pairs(second=shares)(rng)
    yield call(spread(rng, 2, 3), shares(rng, 2, 3), reduction="none", pos_weight=positive(rng, 3))


def _cosine(a: Array, b: Array, dim: int = 1, eps: float = 1e-8) -> Array:
    lengths = [np.maximum(np.sqrt((v * v).sum(dim, keepdims=True)), eps) for v in (a, b)]
    return np.asarray((a / lengths[0] * b / lengths[1]).sum(dim))


def vectors(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), spread(rng, 3, 4))
    yield call(spread(rng, 2, 3, 2), spread(rng, 3, 2), dim=-1)
    yield call(np.zeros((0, 3)), np.zeros((0, 3)))


def _triplet(a: Array, p: Array, n: Array, margin: float = 1.0, swap: bool = False, reduction: str = "mean") -> Array:
    def far(x: Array, y: Array) -> Array:
        return np.asarray(np.sqrt(((x - y + 1e-6) ** 2).sum(-1)))

    other = np.minimum(far(a, n), far(p, n)) if swap else far(a, n)
    return _reduced(np.maximum(far(a, p) - other + margin, 0), reduction)


def triplets(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 3, 4), spread(rng, 3, 4), spread(rng, 3, 4), margin=3.0)
    yield call(spread(rng, 3, 2), spread(rng, 3, 2), spread(rng, 3, 2), margin=2.0, swap=True, reduction="none")
    yield call(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)), reduction="sum")


def _one_hot(indices: Array, num_classes: int = -1) -> Array:
    out = np.zeros((*indices.shape, indices.max() + 1 if num_classes == -1 else num_classes), np.int64)
    for at in np.ndindex(*indices.shape):
        out[(*at, indices[at])] = 1
    return out


def hot(rng: Generator) -> Iterator[Sample]:
    yield call(np.array([[0, 2], [1, 0]]))
    yield call(np.array([0, 2, 1]), 5)
    yield call(np.asarray(3))
    yield call(np.zeros((0, 2), np.int64), 3)


ALIKE = Refusal(
    (np.ones(2), np.ones(3)), ShapeError, r"^binary_cross_entropy(_with_logits)?: input and target differ in shape\n"
)
REDUCTION = {"reduction": "median"}


def _refused(name: str) -> list[Refusal]:
    text = rf"^{name}: reduction must be none, mean or sum; got 'median'$"
    return [Refusal((np.ones(3), np.ones(3)), ArgumentError, text, REDUCTION)]


def _row(function: Any, samples: Any, oracle: Any, refusals: Any = None, **more: Any) -> OpRow:
    name = function.__name__
    given = {"torch": f"nn.functional.{name}", "half": 12.0, "no_zero_dim": "", **more}
    return OpRow(name, function, samples, oracle=oracle, refusals=refusals or _refused(name), **given)


R = regression_loss
CLASS_REFUSALS = [
    Refusal((X, np.array([0, 3])), DimError, r"^nll_loss: target 3 is not one of 3 classes$"),
    Refusal((X, np.array([0, -1])), DimError, r"^nll_loss: target -1 is not one of 3 classes$"),
    Refusal((X, np.array([0, 1, 2])), ShapeError, r"^nll_loss: target must have the shape \(2,\)\n  input   \(2, 3\)"),
    Refusal((X, np.array([0.0, 1.0])), DtypeError, r"^nll_loss: target must hold classes as whole numbers\n"),
    Refusal((X, T, np.ones(2)), ShapeError, r"^nll_loss: weight must have 3 elements, one a class\n"),
    Refusal((X, T, np.ones(3, np.float32)), DtypeError, r"^nll_loss: weight must have the dtype of input\n"),
]

ROWS = [
    _row(
        loss.nll_loss,
        class_targets(False),
        _nll,
        [
            *CLASS_REFUSALS,
            Refusal((X, T), ArgumentError, r"^nll_loss: reduction must be none, mean or sum; got 'median'$", REDUCTION),
        ],
    ),
    _row(
        loss.cross_entropy,
        class_targets(True),
        _cross_entropy,
        [
            *CLASS_REFUSALS,
            Refusal(
                (X, T),
                ArgumentError,
                r"^cross_entropy: label_smoothing must lie in \[0, 1\], got 2.0\n",
                {"label_smoothing": 2.0},
            ),
            Refusal(
                (X, np.ones((2, 3), np.int64)),
                DtypeError,
                r"^cross_entropy: target of input's shape must hold probabilities\n",
            ),
            Refusal(
                (X, X),
                ArgumentError,
                r"^cross_entropy: ignore_index goes with classes, not with probabilities\n",
                {"ignore_index": 1},
            ),
        ],
    ),
    _row(
        loss.binary_cross_entropy,
        pairs(shares, shares),
        _pair(lambda p, t: -(t * np.log(p) + (1 - t) * np.log(1 - p))),
        [
            ALIKE,
            Refusal(
                (np.array([1.5]), np.ones(1)),
                ArgumentError,
                r"^binary_cross_entropy: input 1.5 is not a probability in \[0, 1\]$",
            ),
            Refusal(
                (np.ones(1), np.ones(1, np.float32)),
                DtypeError,
                r"^binary_cross_entropy: input and target must have the same dtype\n",
            ),
        ],
        half=40.0,
    ),
    _row(loss.binary_cross_entropy_with_logits, logits, _pair(_with_logits), [ALIKE], torch=None),
    _row(loss.kl_div, pairs(second=shares), _pair(lambda x, t: t * (np.log(t) - x))),
    _row(R.mse_loss, pairs(), _pair(lambda a, b: (a - b) ** 2)),
    _row(R.l1_loss, pairs(), _pair(lambda a, b: np.abs(a - b))),
    _row(R.smooth_l1_loss, pairs(beta=0.7), _pair(_smooth_l1)),
    _row(R.huber_loss, pairs(delta=0.7), _pair(_huber)),
    _row(R.poisson_nll_loss, pairs(second=positive), _pair(lambda x, t: np.exp(x) - t * x)),
    _row(
        R.soft_margin_loss,
        pairs(),
        _pair(lambda x, t: np.log(1 + np.exp(-t * x))),
        [Refusal((np.ones(2), np.ones(3)), ShapeError, r"^soft_margin_loss: input and target differ in shape\n")],
        torch=None,
    ),
    _row(
        R.cosine_similarity,
        vectors,
        _cosine,
        [Refusal((np.ones(2), np.ones(2)), DimError, r"^norm: dim 1 is out of range")],
        no_zero_dim="vectors have a dim",
    ),
    _row(
        R.triplet_margin_loss,
        triplets,
        _triplet,
        [
            Refusal(
                (X, X, np.ones(3)), ShapeError, r"^triplet_margin_with_distance_loss: the three differ in their dims\n"
            ),
            Refusal(
                (X, X, X, -1.0),
                ArgumentError,
                r"^triplet_margin_with_distance_loss: margin must be positive, got -1.0\n",
            ),
        ],
        no_zero_dim="vectors have a dim",
        half=40.0,
    ),
    OpRow(
        "one_hot",
        classes.one_hot,
        hot,
        oracle=_one_hot,
        torch="nn.functional.one_hot",
        gradient=False,
        half=None,
        refusals=[
            Refusal((np.array([0, 3]), 3), ArgumentError, r"^one_hot: class 3 is not one of 3\n  tensor  \(2,\)"),
            Refusal((np.array([-1]),), ArgumentError, r"^one_hot: classes must not be negative\n"),
            Refusal((np.array([0.0]),), DtypeError, r"^one_hot: tensor must be int64\n"),
            Refusal(
                (np.zeros(0, np.int64),), ArgumentError, r"^one_hot: num_classes must be given for an empty tensor\n"
            ),
        ],
    ),
]
