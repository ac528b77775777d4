"""Convolution and pools as one loop over output elements, written from the definition. Slow on purpose."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Ints = Sequence[int]


def _places(shape: Ints) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(n) for n in shape))


def _many(value: Any, n: int) -> tuple[int, ...]:
    given = (value,) if isinstance(value, int) else tuple(value)
    return given * n if len(given) == 1 else given


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Convolution of any number of spatial dims; `padding` may be "same" or "valid"."""
    spatial = weight.ndim - 2
    if x.ndim == spatial + 1:
        return conv(x[None], weight, bias, stride, padding, dilation, groups)[0]
    kernel, size = weight.shape[2:], x.shape[2:]
    steps, spread = _many(stride, spatial), _many(dilation, spatial)
    if padding == "same":
        before = [d * (k - 1) // 2 for k, d in zip(kernel, spread, strict=True)]
        count = list(size)
    else:
        before = list(_many(0 if padding == "valid" else padding, spatial))
        count = [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(size, before, spread, kernel, steps, strict=True)
        ]
    share = weight.shape[0] // groups
    out = np.zeros((x.shape[0], weight.shape[0], *count))
    for n, o, *at in _places(out.shape):
        for c, *k in _places(weight.shape[1:]):
            place = [a * s - p + i * d for a, s, p, i, d in zip(at, steps, before, k, spread, strict=True)]
            if all(0 <= q < m for q, m in zip(place, size, strict=True)):
                channel = (o // share) * weight.shape[1] + c
                out[(n, o, *at)] += x[(n, channel, *place)] * weight[(o, c, *k)]
        out[(n, o, *at)] += 0 if bias is None else bias[o]
    return out


def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """Every input element adds its multiple of the kernel to the output."""
    spatial = weight.ndim - 2
    if x.ndim == spatial + 1:
        return conv_transpose(x[None], weight, bias, stride, padding, output_padding, groups, dilation)[0]
    kernel = weight.shape[2:]
    steps, pads, extra, spread = (_many(v, spatial) for v in (stride, padding, output_padding, dilation))
    size = [
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(x.shape[2:], steps, pads, spread, kernel, extra, strict=True)
    ]
    out = np.zeros((x.shape[0], weight.shape[1] * groups, *size))
    share = x.shape[1] // groups
    for n, i, *at in _places(x.shape):
        for c, *k in _places(weight.shape[1:]):
            place = [a * s - p + j * d for a, s, p, j, d in zip(at, steps, pads, k, spread, strict=True)]
            if all(0 <= q < m for q, m in zip(place, size, strict=True)):
                out[(n, (i // share) * weight.shape[1] + c, *place)] += x[(n, i, *at)] * weight[(i, c, *k)]
    return out if bias is None else out + bias.reshape(-1, *(1,) * spatial)


def _count(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """Windows along one dim; with ceil_mode the last may hang over but must start before the padding after the end."""
    starts = [a for a in range(-p, n + p, s) if a + d * (k - 1) < n + p]
    if ceil_mode and (not starts or starts[-1] + d * (k - 1) < n + p - 1):
        following = (starts[-1] + s) if starts else -p
        starts += [following] if following < n else []
    return len(starts)


def windows(
    x: Array, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, spatial: int
) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]], int]]:
    """For each output place of a plane: where it is, the places inside that it sees, and how many with the padding."""
    size = x.shape[x.ndim - spatial :]
    k, p, d = _many(kernel, spatial), _many(padding, spatial), _many(dilation, spatial)
    s = k if stride is None else _many(stride, spatial)
    count = [_count(*args, ceil_mode) for args in zip(size, k, s, p, d, strict=True)]
    for at in _places(count):
        ranges = [[a * t - q + i * e for i in range(j)] for a, t, q, j, e in zip(at, s, p, k, d, strict=True)]
        inside = [
            place for place in itertools.product(*ranges) if all(0 <= v < n for v, n in zip(place, size, strict=True))
        ]
        with_pad = [
            place
            for place in itertools.product(*ranges)
            if all(v < n + q for v, n, q in zip(place, size, p, strict=True))
        ]
        yield at, inside, len(with_pad)


def _pooled(
    x: Array,
    spatial: int,
    each: list[tuple[tuple[int, ...], list[tuple[int, ...]], int]],
    f: Callable[[Array, int], float],
) -> Array:
    lead = x.shape[: x.ndim - spatial]
    count = tuple(max(at[i] for at, _, _ in each) + 1 for i in range(spatial))
    out = np.zeros((*lead, *count))
    for plane in _places(lead):
        for at, inside, with_pad in each:
            out[(*plane, *at)] = f(np.array([x[(*plane, *place)] for place in inside]), with_pad)
    return out


def max_pool(spatial: int) -> Callable[..., Any]:
    def pool(
        x: Array,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        each = list(windows(x, kernel_size, stride, padding, dilation, ceil_mode, spatial))
        values = _pooled(x, spatial, each, lambda seen, _: float(seen.max()))
        if not return_indices:
            return values
        lead, size = x.shape[: x.ndim - spatial], x.shape[x.ndim - spatial :]
        indices = np.zeros(values.shape, np.int64)
        for plane in _places(lead):
            for at, inside, _ in each:
                best = max(inside, key=lambda place: x[(*plane, *place)])
                indices[(*plane, *at)] = int(np.ravel_multi_index(best, size))
        return values, indices

    return pool


def avg_pool(spatial: int) -> Callable[..., Array]:
    def pool(
        x: Array,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Array:
        each = list(windows(x, kernel_size, stride, padding, 1, ceil_mode, spatial))
        return _pooled(
            x,
            spatial,
            each,
            lambda seen, with_pad: float(
                seen.sum() / (divisor_override or (with_pad if count_include_pad else len(seen)))
            ),
        )

    return pool


def adaptive_pool(spatial: int, f: Callable[[Array], float]) -> Callable[..., Array]:
    def pool(x: Array, output_size: Any) -> Array:
        size = x.shape[x.ndim - spatial :]
        given = (output_size,) * spatial if output_size is None or isinstance(output_size, int) else tuple(output_size)
        wanted = [n if g is None else g for n, g in zip(size, given, strict=True)]
        out = np.zeros((*x.shape[: x.ndim - spatial], *wanted))
        for at in _places(wanted):
            box = tuple(slice(i * n // m, -(-(i + 1) * n // m)) for i, n, m in zip(at, size, wanted, strict=True))
            for plane in _places(x.shape[: x.ndim - spatial]):
                out[(*plane, *at)] = f(x[(*plane, *box)])
        return out

    return pool
