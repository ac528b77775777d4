"""Convolutions in the op catalogue. The oracle is a loop over output elements (tests/oracles/windows.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import medtorch
from medtorch.core.ops import conv, conv_transpose
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread
from tests.oracles import windows

NO_SCALAR = "images have dims"
X, W = np.ones((2, 3, 5, 5)), np.ones((4, 3, 3, 3))


def _convs(spatial: int) -> Any:
    """(input size, kernel, channels in, channels out, groups, arguments) in every combination that has its own path."""
    n = spatial
    cases: list[tuple[tuple[int, ...], tuple[int, ...], int, int, int, dict[str, Any]]] = [
        ((5,) * n, (3,) * n, 2, 3, 1, {}),
        ((5,) * n, (3,) * n, 2, 3, 1, {"padding": 1}),
        ((6, 5, 4)[:n], (3, 2, 1)[:n], 2, 2, 1, {"stride": (2, 1, 3)[:n], "padding": (2, 1, 0)[:n]}),
        ((7, 6, 5)[:n], (2, 3, 2)[:n], 1, 2, 1, {"dilation": (3, 2, 1)[:n], "stride": 2}),
        ((4,) * n, (3,) * n, 4, 6, 2, {"padding": "same"}),
        ((5, 4, 3)[:n], (2, 4, 2)[:n], 3, 3, 3, {"padding": "same", "dilation": (1, 2, 3)[:n]}),
        ((4,) * n, (1,) * n, 3, 2, 1, {}),
        ((5,) * n, (1,) * n, 4, 4, 2, {"stride": 2, "padding": "valid"}),
        ((1,) * n, (3,) * n, 1, 1, 1, {"padding": 2, "stride": 3}),
    ]

    def samples(rng: Generator) -> Iterator[Sample]:
        for place, (size, kernel, channels, outputs, groups, arguments) in enumerate(
            cases if spatial < 3 else cases[1:5]
        ):
            weight = spread(rng, outputs, channels // groups, *kernel)
            bias = spread(rng, outputs) if place % 2 else None
            yield call(spread(rng, 2, channels, *size), weight, bias, groups=groups, **arguments)
        yield call(spread(rng, 2, *(4,) * n), spread(rng, 3, 2, *(2,) * n), spread(rng, 3), 1, 1)
        yield call(np.zeros((0, 2, *(4,) * n)), spread(rng, 3, 2, *(2,) * n))
        yield call(np.arange(2 * 4**n).reshape(1, 2, *(4,) * n), np.arange(4 * 2**n).reshape(2, 2, *(2,) * n))

    return samples


def _transposed(spatial: int) -> Any:
    n = spatial
    cases: list[tuple[tuple[int, ...], tuple[int, ...], int, int, int, dict[str, Any]]] = [
        ((4,) * n, (3,) * n, 2, 3, 1, {}),
        ((3,) * n, (2,) * n, 2, 2, 1, {"stride": 2}),
        ((3, 4, 2)[:n], (3, 2, 3)[:n], 4, 3, 2, {"stride": (2, 3, 1)[:n], "padding": (1, 0, 1)[:n]}),
        ((3, 2, 3)[:n], (2, 3, 2)[:n], 2, 1, 1, {"stride": 2, "output_padding": 1, "dilation": (2, 1, 2)[:n]}),
        ((3,) * n, (2,) * n, 3, 1, 3, {"stride": 1, "output_padding": 1, "dilation": 2}),
        ((5,) * n, (2,) * n, 1, 2, 1, {"padding": 2}),
    ]

    def samples(rng: Generator) -> Iterator[Sample]:
        for place, (size, kernel, inputs, outputs, groups, arguments) in enumerate(
            cases if spatial < 3 else cases[1:5]
        ):
            weight = spread(rng, inputs, outputs, *kernel)
            bias = spread(rng, outputs * groups) if place % 2 else None
            yield call(spread(rng, 2, inputs, *size), weight, bias, groups=groups, **arguments)
        yield call(spread(rng, 2, *(3,) * n), spread(rng, 2, 3, *(2,) * n), spread(rng, 3), 2)
        yield call(np.zeros((0, 2, *(3,) * n)), spread(rng, 2, 3, *(2,) * n))

    return samples


CONV2D_REFUSALS = [
    Refusal(
        (np.ones((8, 3, 6, 6)), np.ones((16, 1, 3, 3))),
        ShapeError,
        r"^conv2d: input has 3 channels, weight expects 1 \(groups=1\)\n"
        r"  input   \(8, 3, 6, 6\)   float64  cpu\n"
        r"  weight  \(16, 1, 3, 3\)  float64  cpu$",
    ),
    Refusal((X, W, np.ones(3)), ShapeError, r"^conv2d: bias must have 4 elements\n  input"),
    Refusal((X, W, np.ones((4, 1))), ShapeError, r"^conv2d: bias must have 1 dims, has 2\n"),
    Refusal((X, W), ShapeError, r"^conv2d: 4 channels of weight do not divide into groups=3\n", {"groups": 3}),
    Refusal((X, W), ArgumentError, r"^conv2d: groups must be at least 1, got 0\n", {"groups": 0}),
    Refusal((X[0, 0], W), ShapeError, r"^conv2d: input must have 4 dims, or 3 without a batch, has 2\n"),
    Refusal((X, W[0]), ShapeError, r"^conv2d: weight must have 4 dims, has 3\n"),
    Refusal((X, W[..., :0]), ShapeError, r"^conv2d: the kernel has no elements: \(3, 0\)\n"),
    Refusal((X[..., :2], W), ShapeError, r"^conv2d: a kernel that reaches over \(3, 3\) does not fit the padded input"),
    Refusal((X[:, :, :0], W), ShapeError, r"^conv2d: only the batch of input may be empty\n"),
    Refusal((X.astype(np.float32), W), DtypeError, r"^conv2d: weight must have the dtype float32\n"),
    Refusal((X > 0, W > 0), DtypeError, r"^conv2d: input must be floating point or int64\n"),
    Refusal((X, W), ArgumentError, r"^conv2d: stride must be at least 1, got 0$", {"stride": 0}),
    Refusal((X, W), ArgumentError, r"^conv2d: dilation must be at least 1, got \(1, 0\)$", {"dilation": (1, 0)}),
    Refusal((X, W), ArgumentError, r"^conv2d: padding must be at least 0, got -1$", {"padding": -1}),
    Refusal((X, W), ArgumentError, r"^conv2d: padding needs 1 or 2 numbers, got", {"padding": (1, 1, 1)}),
    Refusal((X, W), ArgumentError, r"^conv2d: stride must be a whole number or 2 of them, got 1.5$", {"stride": 1.5}),
    Refusal(
        (X, W), ArgumentError, r"^conv2d: padding must be numbers, 'same' or 'valid', got 'full'$", {"padding": "full"}
    ),
    Refusal((X, W), ArgumentError, r"^conv2d: padding='same' needs stride 1$", {"padding": "same", "stride": 2}),
]

TRANSPOSED_REFUSALS = [
    Refusal((X, W), ShapeError, r"^conv_transpose2d: input has 3 channels, weight expects 4\n"),
    Refusal(
        (X, W[:3]),
        ArgumentError,
        r"^conv_transpose2d: output_padding \(1, 1\) must be smaller than stride",
        {"output_padding": 1},
    ),
    Refusal((X, W[:3]), ShapeError, r"^conv_transpose2d: the output would have the size \(-1, -1\)\n", {"padding": 4}),
    Refusal((X, W[:3], np.ones(2)), ShapeError, r"^conv_transpose2d: bias must have 3 elements\n"),
    Refusal(
        (X, W[:3]), ShapeError, r"^conv_transpose2d: 3 channels of weight do not divide into groups=2\n", {"groups": 2}
    ),
]


def _row(function: Any, spatial: int, samples: Any, oracle: Any, refusals: list[Refusal]) -> OpRow:
    name = function.__name__
    return OpRow(
        name,
        function,
        samples,
        oracle=oracle,
        torch=f"nn.functional.{name}",
        refusals=refusals,
        no_zero_dim=NO_SCALAR,
        half=8.0,
    )


def _wrong_dims(spatial: int, name: str) -> list[Refusal]:
    text = rf"^{name}: input must have {spatial + 2} dims, or {spatial + 1} without a batch, has 1\n"
    return [Refusal((np.ones(3), np.ones((1,) * (spatial + 2))), ShapeError, text)]


ROWS = [
    _row(conv.conv1d, 1, _convs(1), windows.conv, _wrong_dims(1, "conv1d")),
    _row(medtorch.conv2d, 2, _convs(2), windows.conv, CONV2D_REFUSALS),
    _row(conv.conv3d, 3, _convs(3), windows.conv, _wrong_dims(3, "conv3d")),
    _row(
        conv_transpose.conv_transpose1d, 1, _transposed(1), windows.conv_transpose, _wrong_dims(1, "conv_transpose1d")
    ),
    _row(conv_transpose.conv_transpose2d, 2, _transposed(2), windows.conv_transpose, TRANSPOSED_REFUSALS),
    _row(
        conv_transpose.conv_transpose3d, 3, _transposed(3), windows.conv_transpose, _wrong_dims(3, "conv_transpose3d")
    ),
]
