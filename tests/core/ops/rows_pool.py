"""Pools in the op catalogue. The oracle is a loop over windows (tests/oracles/windows.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from medtorch.core.ops import pool
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, positive, spread
from tests.oracles import windows

NO_SCALAR = "images have dims"
X = np.ones((2, 3, 5, 5))


def _maxima(spatial: int) -> Any:
    n = spatial

    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(spread(rng, 2, 2, *(4,) * n), 2)
        yield call(spread(rng, 2, 1, *(5, 4, 3)[:n]), (3, 2, 2)[:n], 1, 1, return_indices=True)
        yield call(spread(rng, 1, 2, *(6, 5, 4)[:n]), 2, 2, 1, 2, ceil_mode=True, return_indices=True)
        yield call(spread(rng, 2, *(5,) * n), 2, (3, 2, 1)[:n], ceil_mode=True)
        yield call(np.zeros((0, 2, *(4,) * n)), 2)
        if n > 1:  # torch's max_pool1d takes no whole numbers
            yield call(rng.integers(-9, 9, (1, 2, *(4,) * n)), 3, 2, 1)

    return samples


def _means(spatial: int) -> Any:
    n = spatial

    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(spread(rng, 2, 2, *(4,) * n), 2)
        yield call(spread(rng, 2, 1, *(5, 4, 3)[:n]), (3, 2, 2)[:n], 1, 1, count_include_pad=False)
        yield call(spread(rng, 1, 2, *(6, 5, 4)[:n]), 3, 2, 1, ceil_mode=True)
        yield call(spread(rng, 1, 2, *(6, 5, 4)[:n]), 3, 2, 1, True, False)
        yield call(spread(rng, 2, *(5,) * n), 2, (3, 2, 1)[:n], ceil_mode=True)
        yield call(np.zeros((0, 2, *(4,) * n)), 2)
        if n > 1:
            yield call(spread(rng, 2, 1, *(4,) * n), 2, divisor_override=3)

    return samples


def _adaptive(spatial: int) -> Any:
    n = spatial

    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(spread(rng, 2, 2, *(5, 4, 3)[:n]), (2, 3, 2)[:n])
        yield call(spread(rng, 2, 1, *(3, 4, 2)[:n]), 1)
        yield call(spread(rng, 2, *(3, 2, 4)[:n]), (5, 2, 3)[:n])
        yield call(np.zeros((0, 2, *(4,) * n)), 2)
        if n > 1:
            yield call(spread(rng, 1, 2, *(5, 4, 3)[:n]), (None, 3, 2)[:n])

    return samples


def _powers(spatial: int) -> Any:
    n = spatial

    def samples(rng: Generator) -> Iterator[Sample]:
        yield call(positive(rng, 2, 2, *(4,) * n), 2.0, 2)
        yield call(positive(rng, 2, 1, *(5, 4, 4)[:n]), 3.0, 3, 1, ceil_mode=True)
        yield call(spread(rng, 2, 1, *(4,) * n), float("inf"), 2)
        yield call(np.zeros((0, 2, *(4,) * n)), 2.0, 2)

    return samples


def _power_oracle(spatial: int) -> Any:
    def oracle(x: Any, norm: float, kernel: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
        each = windows.windows(x, kernel, stride, 0, 1, ceil_mode, spatial)
        table = list(each)
        full = int(kernel) ** spatial

        # A window that hangs over counts as the mean of what it has, times its full size: torch's definition.
        def one(seen: Any, _: int) -> float:
            if norm == float("inf"):
                return float(np.abs(seen).max())
            return float((np.mean(seen**norm) * full) ** (1 / norm))

        return windows._pooled(x, spatial, table, one)

    return oracle


MAX_REFUSALS = [
    Refusal(
        (X, 2), ArgumentError, r"^max_pool2d: padding 2 is more than half of the kernel's reach \(1\)\n", {"padding": 2}
    ),
    Refusal((X, 7), ShapeError, r"^max_pool2d: no window fits: output size \(0, 0\)\n  input  \(2, 3, 5, 5\)"),
    Refusal((X[0, 0], 2), ShapeError, r"^max_pool2d: input must have 4 dims, or 3 without a batch, has 2\n"),
    Refusal((X[:, :0], 2), ShapeError, r"^max_pool2d: only the batch of input may be empty\n"),
    Refusal((X > 0, 2), DtypeError, r"^max_pool2d: input must be numbers, not bool\n"),
    Refusal((X, 0), ArgumentError, r"^max_pool2d: kernel_size must be at least 1, got 0$"),
    Refusal((X, 2, 0), ArgumentError, r"^max_pool2d: stride must be at least 1, got 0$"),
    Refusal((X[..., :1], 2, 1, 1, 2), ShapeError, r"^max_pool2d: a window sees nothing but padding\n"),
]
AVG_REFUSALS = [
    Refusal((X, 2), ArgumentError, r"^avg_pool2d: divisor_override must not be 0\n", {"divisor_override": 0}),
    Refusal((X, 2), ArgumentError, r"^avg_pool2d: padding 2 is more than half of kernel_size 2\n", {"padding": 2}),
    Refusal((X, 7), ShapeError, r"^avg_pool2d: no window fits: output size \(0, 0\)\n"),
    Refusal((X.astype(np.int32), 2), DtypeError, r"^avg_pool2d: input must be floating point or int64\n"),
]


def _row(name: str, function: Any, samples: Any, oracle: Any, refusals: list[Refusal] | None = None) -> OpRow:
    spatial = int(name[-2])
    text = rf"^(adaptive_)?\w+_pool{spatial}d: input must have {spatial + 2} dims, or {spatial + 1} without a batch"
    wrong = (np.ones((1,) * 6), 1.0, 2) if name.startswith("lp") else (np.ones((1,) * 6), 2)
    own = [Refusal(wrong, ShapeError, text)] if refusals is None else refusals
    return OpRow(
        name,
        function,
        samples,
        oracle=oracle,
        torch=f"nn.functional.{name}",
        refusals=own,
        no_zero_dim=NO_SCALAR,
        half=8.0,
    )


def _greatest(x: Any) -> float:
    return float(x.max())


def _mean(x: Any) -> float:
    return float(x.mean())


def _unpooled(rng: Generator) -> Iterator[Sample]:
    indices = np.array([[[[0, 3], [8, 15]]]])
    yield call(spread(rng, 1, 1, 2, 2), indices, 2)
    yield call(spread(rng, 1, 2, 2), indices[0], 2, 2, 0, (5, 5))
    yield call(np.zeros((0, 1, 2, 2)), indices[:0], 2)


def _unpool_oracle(
    x: Any, indices: Any, kernel: int, stride: Any = None, padding: int = 0, output_size: Any = None
) -> Any:
    size = output_size or tuple((n - 1) * kernel + kernel for n in x.shape[-2:])
    out = np.zeros((*x.shape[:-2], size[0] * size[1]))
    for at in np.ndindex(*x.shape):
        out[(*at[:-2], indices[at])] = x[at]
    return out.reshape(*x.shape[:-2], *size)


ROWS = [
    _row("max_pool1d", pool.max_pool1d, _maxima(1), windows.max_pool(1)),
    _row("max_pool2d", pool.max_pool2d, _maxima(2), windows.max_pool(2), MAX_REFUSALS),
    _row("max_pool3d", pool.max_pool3d, _maxima(3), windows.max_pool(3)),
    _row("avg_pool1d", pool.avg_pool1d, _means(1), windows.avg_pool(1)),
    _row("avg_pool2d", pool.avg_pool2d, _means(2), windows.avg_pool(2), AVG_REFUSALS),
    _row("avg_pool3d", pool.avg_pool3d, _means(3), windows.avg_pool(3)),
    _row("adaptive_max_pool1d", pool.adaptive_max_pool1d, _adaptive(1), windows.adaptive_pool(1, _greatest)),
    _row("adaptive_max_pool2d", pool.adaptive_max_pool2d, _adaptive(2), windows.adaptive_pool(2, _greatest)),
    _row("adaptive_max_pool3d", pool.adaptive_max_pool3d, _adaptive(3), windows.adaptive_pool(3, _greatest)),
    _row("adaptive_avg_pool1d", pool.adaptive_avg_pool1d, _adaptive(1), windows.adaptive_pool(1, _mean)),
    _row("adaptive_avg_pool2d", pool.adaptive_avg_pool2d, _adaptive(2), windows.adaptive_pool(2, _mean)),
    _row("adaptive_avg_pool3d", pool.adaptive_avg_pool3d, _adaptive(3), windows.adaptive_pool(3, _mean)),
    _row("lp_pool1d", pool.lp_pool1d, _powers(1), _power_oracle(1)),
    _row("lp_pool2d", pool.lp_pool2d, _powers(2), _power_oracle(2)),
    _row("lp_pool3d", pool.lp_pool3d, _powers(3), _power_oracle(3)),
    OpRow(
        "max_unpool2d",
        pool.max_unpool2d,
        _unpooled,
        oracle=_unpool_oracle,
        torch="nn.functional.max_unpool2d",
        no_zero_dim=NO_SCALAR,
        refusals=[
            Refusal(
                (X, np.full(X.shape, 100), 2),
                DimError,
                r"^max_unpool: index 100 is outside of a plane of size \(10, 10\)",
            ),
            Refusal((X, np.zeros(X.shape), 2), DtypeError, r"^max_unpool2d: indices must be int64\n"),
            Refusal(
                (X, np.zeros((2, 3, 5, 4), np.int64), 2),
                ShapeError,
                r"^max_unpool2d: input and indices differ in shape\n",
            ),
            Refusal(
                (X, np.zeros(X.shape, np.int64), 2, 2, 0, (20, 20)),
                ArgumentError,
                r"^max_unpool2d: output_size \(20, 20\) must be within a stride of \(10, 10\)\n",
            ),
        ],
    ),
]
