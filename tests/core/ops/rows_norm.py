"""Normalisation in the op catalogue. The oracle is the formula, sample by sample and channel by channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from medtorch.core.ops import norm
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, positive, spread

Array = np.ndarray[Any, Any]
NO_SCALAR = "there is nothing to take a mean over"
X, C = np.ones((2, 4, 3)), np.ones(4)


def _standard(part: Array, eps: float) -> Array:
    mean = sum(part.reshape(-1)) / part.size
    var = sum((v - mean) ** 2 for v in part.reshape(-1)) / part.size
    return np.asarray((part - mean) / np.sqrt(var + eps))


def _affine(y: Array, weight: Array | None, bias: Array | None, shape: tuple[int, ...]) -> Array:
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def _across(x: Array) -> tuple[int, ...]:
    return (1, x.shape[1], *(1,) * (x.ndim - 2))


def batch_oracle(
    x: Array,
    mean: Array | None,
    var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    y = np.zeros_like(x)
    for c in range(x.shape[1]):
        if training and x.size:
            y[:, c] = _standard(x[:, c], eps)
        elif not training:
            assert mean is not None
            assert var is not None
            y[:, c] = (x[:, c] - mean[c]) / np.sqrt(var[c] + eps)
    return _affine(y, weight, bias, _across(x))


def batches(rng: Generator) -> Iterator[Sample]:
    for shape in ((4, 3), (3, 2, 4), (2, 3, 2, 2), (2, 2, 2, 1, 3)):
        c = shape[1]
        yield call(spread(rng, *shape), None, None, spread(rng, c), spread(rng, c), True)
        yield call(spread(rng, *shape), spread(rng, c), positive(rng, c), spread(rng, c), None, False, 0.3, 1e-3)
    yield call(spread(rng, 3, 2), None, None, None, spread(rng, 2), True, 0.1, 0.5)
    yield call(np.zeros((0, 2, 3)), np.zeros(2), np.ones(2), np.ones(2), np.ones(2))


def instance_oracle(
    x: Array,
    mean: Array | None = None,
    var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    if not use_input_stats:
        return batch_oracle(x, mean, var, weight, bias, False, momentum, eps)
    y = np.zeros_like(x)
    for n, c in np.ndindex(*x.shape[:2]):
        y[n, c] = _standard(x[n, c], eps)
    return _affine(y, weight, bias, _across(x))


def instances(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3, 4), weight=spread(rng, 3), bias=spread(rng, 3))
    yield call(spread(rng, 2, 2, 3, 2), None, None, None, None, True, 0.1, 1e-3)
    yield call(spread(rng, 2, 2, 2, 3), spread(rng, 2), positive(rng, 2), spread(rng, 2), None, False)


def group_oracle(
    x: Array, groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    y = np.zeros_like(x)
    size = x.shape[1] // groups
    for n in range(x.shape[0]):
        for g in range(groups):
            y[n, g * size : (g + 1) * size] = _standard(x[n, g * size : (g + 1) * size], eps)
    return _affine(y, weight, bias, _across(x))


def groups(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 4, 3), 2, spread(rng, 4), spread(rng, 4))
    yield call(spread(rng, 2, 6), 3)
    yield call(spread(rng, 1, 3, 2, 2), 1, spread(rng, 3), None, 0.1)
    yield call(spread(rng, 2, 2, 1, 2), 2, spread(rng, 2))


def layer_oracle(
    x: Array, shape: Any, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    y = np.zeros_like(x)
    for at in np.ndindex(*x.shape[: x.ndim - len(shape)]):
        y[at] = _standard(x[at], eps)
    return _affine(y, weight, bias, tuple(shape))


def layers(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3, 4), [4], spread(rng, 4), spread(rng, 4))
    yield call(spread(rng, 3, 2, 2), (2, 2), spread(rng, 2, 2))
    yield call(spread(rng, 5), (5,), None, spread(rng, 5), 0.1)
    yield call(np.zeros((0, 3)), (3,), np.ones(3))


def rms_oracle(x: Array, shape: Any, weight: Array | None = None, eps: float | None = None) -> Array:
    y = np.zeros_like(x)
    for at in np.ndindex(*x.shape[: x.ndim - len(shape)]):
        y[at] = x[at] / np.sqrt(np.mean(x[at] ** 2) + (2.0**-52 if eps is None else eps))
    return _affine(y, weight, None, tuple(shape))


def roots(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3, 4), [4], spread(rng, 4), 1e-5)
    yield call(spread(rng, 3, 2, 2), (2, 2), None, 0.1)
    yield call(spread(rng, 3), (3,))
    yield call(np.zeros((0, 3)), (3,), np.ones(3))


def local_oracle(x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    y = np.zeros_like(x)
    for c in range(x.shape[1]):
        near = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
        y[:, c] = x[:, c] / (k + alpha * (near**2).sum(1) / size) ** beta
    return y


def neighbours(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 5, 3), 2, 0.5, 0.75, 1.5)
    yield call(spread(rng, 1, 4, 2, 2), 3, 1.0)
    yield call(spread(rng, 1, 2, 1, 2, 2), 5, 0.3, 0.5, 2.0)
    yield call(np.zeros((0, 4, 2)), 3)


def unit_oracle(x: Array, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Array:
    length = (np.abs(x) ** p).sum(dim, keepdims=True) ** (1 / p)
    return np.asarray(x / np.maximum(length, eps))


def units(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3, 4))
    yield call(spread(rng, 3, 4), 3.0, -1)
    yield call(spread(rng, 4), 1.0, 0)
    yield call(spread(rng, 2, 2) * 1e-3, 2.0, 1, 1.0)
    yield call(np.zeros((0, 3)))


def _fixed_moments(name: str) -> Any:
    """PyTorch's function with running moments that want no gradient, which it would refuse."""

    def function(torch: Any, x: Any, mean: Any = None, var: Any = None, *rest: Any, **more: Any) -> Any:
        moments = [None if moment is None else moment.detach() for moment in (mean, var)]
        return getattr(torch.nn.functional, name)(x, *moments, *rest, **more)

    return function


def _own(name: str, function: Any, samples: Any, oracle: Any, refusals: list[Refusal], **more: Any) -> OpRow:
    return OpRow(
        name,
        function,
        samples,
        oracle=oracle,
        torch=_fixed_moments(name) if name in ("batch_norm", "instance_norm") else f"nn.functional.{name}",
        refusals=refusals,
        no_zero_dim=NO_SCALAR,
        oracle_tolerance=1e-11,
        half=16.0,
        **more,
    )


ROWS = [
    _own(
        "batch_norm",
        norm.batch_norm,
        batches,
        batch_oracle,
        [
            Refusal(
                (X, None, None),
                ArgumentError,
                r"^batch_norm: without the input's own, running_mean and running_var are needed$",
            ),
            Refusal((X, np.ones(3), C), ShapeError, r"^batch_norm: running_mean must have 4 elements, one a channel\n"),
            Refusal((X, C, C, np.ones(5)), ShapeError, r"^batch_norm: weight must have 4 elements, one a channel\n"),
            Refusal((np.ones(3), C, C), ShapeError, r"^batch_norm: input must have 2 dims or more, has 1\n"),
            Refusal(
                (np.ones((1, 4)), None, None, None, None, True),
                ShapeError,
                r"^batch_norm: needs more than 1 value per channel when training\n",
            ),
            Refusal(
                (X, C, C, None, None, True, 0.1, 0.0),
                ArgumentError,
                r"^batch_norm: eps must be positive when training, got 0.0\n",
            ),
            Refusal(
                (X, C, C, None, None, False, 0.1, -1.0),
                ArgumentError,
                r"^batch_norm: eps must not be negative, got -1.0\n",
            ),
            Refusal((X.astype(np.int64), C, C), DtypeError, r"^batch_norm: input must be floating point\n"),
        ],
    ),
    _own(
        "instance_norm",
        norm.instance_norm,
        instances,
        instance_oracle,
        [
            Refusal((np.ones((2, 4, 1)),), ShapeError, r"^instance_norm: needs more than 1 spatial element\n"),
            Refusal(
                (X, None, None, np.ones(3)), ShapeError, r"^instance_norm: weight must have 4 elements, one a channel\n"
            ),
        ],
        no_empty="torch refuses an empty batch",
    ),
    _own(
        "group_norm",
        norm.group_norm,
        groups,
        group_oracle,
        [
            Refusal((X, 3), ShapeError, r"^group_norm: 4 channels do not divide into 3 groups\n"),
            Refusal((X, 0), ShapeError, r"^group_norm: 4 channels do not divide into 0 groups\n"),
            Refusal((np.ones((1, 4)), 4), ShapeError, r"^group_norm: needs more than 1 value per group\n"),
            Refusal((X, 2, np.ones(2)), ShapeError, r"^group_norm: weight must have 4 elements, one a channel\n"),
        ],
        no_empty="PyTorch fails on the gradient of an empty batch",
    ),
    _own(
        "layer_norm",
        norm.layer_norm,
        layers,
        layer_oracle,
        [
            Refusal((X, [4]), ShapeError, r"^layer_norm: the last dims of input must be normalized_shape=\(4,\)\n"),
            Refusal((X, [3], C), ShapeError, r"^layer_norm: weight must have the shape \(3,\)\n"),
            Refusal((X.astype(np.int64), [3]), DtypeError, r"^layer_norm: input must be floating point\n"),
        ],
    ),
    _own(
        "rms_norm",
        norm.rms_norm,
        roots,
        rms_oracle,
        [Refusal((X, [4]), ShapeError, r"^rms_norm: the last dims of input must be normalized_shape=\(4,\)\n")],
    ),
    _own(
        "local_response_norm",
        norm.local_response_norm,
        neighbours,
        local_oracle,
        [Refusal((np.ones((2, 3)), 2), ShapeError, r"^local_response_norm: input must have 3 dims or more, has 2\n")],
    ),
    _own(
        "normalize",
        norm.normalize,
        units,
        unit_oracle,
        [Refusal((np.ones(3),), DimError, r"^norm: dim 1 is out of range for 1 dims")],
    ),
]
