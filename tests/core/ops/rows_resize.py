"""Resizing, padding, windows as columns and shuffles in the op catalogue.

Oracles   tests/oracles/resize.py, numpy.pad, and loops
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from medtorch.core.ops import interpolate, pad, shuffle, unfold
from medtorch.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError
from tests.core.ops.catalogue import Generator, OpRow, Refusal, Sample, call, spread
from tests.oracles import resize

Array = np.ndarray[Any, Any]
NO_SCALAR = "images have dims"
X = np.ones((2, 3, 5, 5))


def resizes(rng: Generator) -> Iterator[Sample]:
    line, image, volume = spread(rng, 2, 1, 5), spread(rng, 1, 2, 5, 4), spread(rng, 1, 1, 3, 2, 4)
    for mode in ("nearest", "nearest-exact"):
        yield call(line, 8, mode=mode)
        yield call(image, None, (0.5, 2.5), mode)
        yield call(volume, (2, 4, 5), mode=mode)
    for mode, x in (("linear", line), ("bilinear", image), ("bicubic", image), ("trilinear", volume)):
        for align_corners in (None, True):
            yield call(x, scale_factor=1.7, mode=mode, align_corners=align_corners)
            yield call(x, scale_factor=0.6, mode=mode, align_corners=align_corners, recompute_scale_factor=True)
            yield call(x, 1, mode=mode, align_corners=align_corners)
    for mode in ("bilinear", "bicubic"):
        yield call(image, (2, 3), mode=mode, antialias=True)
        yield call(image, scale_factor=(0.45, 1.4), mode=mode, antialias=True)
        yield call(image, (2, 7), mode=mode, antialias=True, align_corners=True)
    yield call(np.zeros((0, 2, 3, 3)), 4, mode="bilinear")


def _pad_oracle(x: Array, pads: Sequence[int], mode: str = "constant", value: float | None = None) -> Array:
    widths = [(0, 0)] * (x.ndim - len(pads) // 2) + list(zip(pads[-2::-2], pads[::-2], strict=True))
    cut = x[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, widths, strict=True))]
    grown = [(max(b, 0), max(a, 0)) for b, a in widths]
    if x.ndim == 0:
        return x
    if mode == "constant":
        return np.pad(cut, grown, constant_values=value or 0)
    whole = np.pad(
        cut if mode == "circular" else x, grown, {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    )  # type: ignore[call-overload]
    if mode == "circular":
        return np.asarray(whole)
    return np.asarray(
        whole[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(whole.shape, widths, strict=True))]
    )


def pads(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 3), (1, 2))
    yield call(spread(rng, 2, 3, 4), (1, 0, -1, 2), "constant", 1.5)
    yield call(spread(rng, 2, 3, 4), (-1, -2, 0, -3, 1, 1))
    yield call(np.arange(6).reshape(2, 3), (2, 1), "constant", 7)
    yield call(np.zeros((0, 2)), (1, 1))
    yield call(np.asarray(2.5), ())
    for mode in ("reflect", "replicate", "circular"):
        yield call(spread(rng, 2, 4), (2, 1), mode)
        yield call(spread(rng, 1, 2, 3), (1, 2), mode)
        yield call(spread(rng, 2, 3, 4), (1, 2, 2, 0), mode)
        yield call(spread(rng, 1, 2, 3, 2, 3), (1, 1, 0, 1, 2, 1), mode)
        yield call(spread(rng, 1, 4, 4), (-1, 2, 1, -1), mode)


def _unfold_oracle(x: Array, kernel: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Array:
    k, d, p, s = ((v, v) if isinstance(v, int) else tuple(v) for v in (kernel, dilation, padding, stride))
    if x.ndim == 3:
        return _unfold_oracle(x[None], k, d, p, s)[0]
    n, c, h, w = x.shape
    wide = np.zeros((n, c, h + 2 * p[0], w + 2 * p[1]))
    wide[:, :, p[0] : p[0] + h, p[1] : p[1] + w] = x
    columns = []
    for top in range(0, wide.shape[2] - d[0] * (k[0] - 1), s[0]):
        for left in range(0, wide.shape[3] - d[1] * (k[1] - 1), s[1]):
            window = wide[:, :, top : top + d[0] * (k[0] - 1) + 1 : d[0], left : left + d[1] * (k[1] - 1) + 1 : d[1]]
            columns.append(window.reshape(n, c * k[0] * k[1]))
    return np.stack(columns, -1)


def unfolds(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 2, 4, 5), 2)
    yield call(spread(rng, 1, 1, 5, 6), (3, 2), (1, 2), (1, 0), (2, 1))
    yield call(spread(rng, 2, 3, 3), 2, 1, 1, 2)
    yield call(np.zeros((0, 2, 4, 4)), 2)


def _fold_oracle(x: Array, size: Any, kernel: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Array:
    """The transpose of unfold, column by column of its matrix."""
    h, w = (size, size) if isinstance(size, int) else size
    k = (kernel, kernel) if isinstance(kernel, int) else kernel
    channels = x.shape[-2] // (k[0] * k[1])
    out = np.zeros((*x.shape[:-2], channels, h, w))
    for c, i, j in np.ndindex(channels, h, w):
        unit = np.zeros((1, channels, h, w))
        unit[0, c, i, j] = 1
        out[..., c, i, j] = (x * _unfold_oracle(unit, k, dilation, padding, stride)[0]).sum((-2, -1))
    return out


def folds(rng: Generator) -> Iterator[Sample]:
    yield call(spread(rng, 2, 8, 12), (4, 5), 2)
    yield call(spread(rng, 1, 6, 12), (5, 6), (3, 2), (1, 2), (1, 0), (2, 1))
    yield call(spread(rng, 12, 4), 3, 2, 1, 1, 2)
    yield call(np.zeros((0, 4, 9)), 4, 2)


def _shuffle_oracle(x: Array, r: int) -> Array:
    *lead, c, h, w = x.shape
    out = np.zeros((*lead, c // r**2, h * r, w * r))
    for k, i, j in np.ndindex(*out.shape[-3:]):
        out[..., k, i, j] = x[..., k * r * r + (i % r) * r + j % r, i // r, j // r]
    return out


def _unshuffle_oracle(x: Array, r: int) -> Array:
    *lead, c, h, w = x.shape
    out = np.zeros((*lead, c * r**2, h // r, w // r))
    for k, i, j in np.ndindex(c, h, w):
        out[..., k * r * r + (i % r) * r + j % r, i // r, j // r] = x[..., k, i, j]
    return out


def _deal_oracle(x: Array, groups: int) -> Array:
    each = x.shape[1] // groups
    return np.stack([x[:, (c % groups) * each + c // groups] for c in range(x.shape[1])], 1)


def _shapes(*cases: tuple[tuple[int, ...], int]) -> Any:
    def samples(rng: Generator) -> Iterator[Sample]:
        for shape, factor in cases:
            yield call(spread(rng, *shape), factor)

    return samples


ROWS = [
    OpRow(
        "interpolate",
        interpolate.interpolate,
        resizes,
        oracle=resize.interpolate,
        torch="nn.functional.interpolate",
        no_zero_dim=NO_SCALAR,
        float32_tolerance=1e-4,  # places are computed in float32, then weigh differences of up to 4
        half=8.0,
        refusals=[
            Refusal(
                (X, 4, None, "lanczos"),
                UnsupportedError,
                r"^interpolate: mode must be one of nearest, .*; got 'lanczos'$",
            ),
            Refusal((X,), ArgumentError, r"^interpolate: give either size or scale_factor\n"),
            Refusal((X, 4, 2.0), ArgumentError, r"^interpolate: give either size or scale_factor\n"),
            Refusal(
                (X, 4, None, "nearest", True),
                ArgumentError,
                r"^interpolate: align_corners goes with the modes linear, .* not with 'nearest'\n",
            ),
            Refusal((X, 4, None, "linear"), ShapeError, r"^interpolate: mode='linear' takes 3 dims, input has 4\n"),
            Refusal((X, (4, 4, 4)), ArgumentError, r"^interpolate: size needs 2 numbers, got \(4, 4, 4\)\n"),
            Refusal((X, None, (2.0,)), ArgumentError, r"^interpolate: scale_factor needs 2 numbers, got \(2.0,\)\n"),
            Refusal((X, None, -1.0), ArgumentError, r"^interpolate: scale_factor must be positive, got -1.0\n"),
            Refusal(
                (X, 4, None, "nearest", None, True),
                ArgumentError,
                r"^interpolate: recompute_scale_factor goes with scale_factor, not with size\n",
            ),
            Refusal(
                (X, 4, None, "nearest", None, None, True),
                ArgumentError,
                r"^interpolate: antialias goes with the modes bilinear and bicubic, not with 'nearest'\n",
            ),
            Refusal((X, 0), ShapeError, r"^interpolate: the output would have the size \(0, 0\)\n"),
            Refusal((X[:, :0], 3), ShapeError, r"^interpolate: only the batch of input may be empty\n"),
            Refusal((X.astype(np.int32), 3), DtypeError, r"^interpolate: input must be floating point or uint8\n"),
        ],
    ),
    OpRow(
        "pad",
        pad.pad,
        pads,
        oracle=_pad_oracle,
        torch="nn.functional.pad",
        refusals=[
            Refusal(
                (X, (1, 1), "mirror"),
                ArgumentError,
                r"^pad: mode must be one of constant, reflect, replicate, circular; got 'mirror'\n",
            ),
            Refusal((X, (1, 1, 1)), ArgumentError, r"^pad: pad needs two numbers for each dim, got \(1, 1, 1\)\n"),
            Refusal((X, (1,) * 10), ShapeError, r"^pad: pads for 5 dims, input has 4\n"),
            Refusal((X, (-3, -3)), ShapeError, r"^pad: more is cut away than there is: \(\(-3, -3\),\)\n"),
            Refusal((X, (1, 1), "reflect", 2.0), ArgumentError, r"^pad: mode='reflect' takes no value, got 2.0\n"),
            Refusal(
                (X, (1, 1), "reflect"),
                ShapeError,
                r"^pad: mode='reflect' pads the last 1, 2 or 3 of 1 or 2 more dims; got pads for 1 of 4 dims\n",
            ),
            Refusal((X, (5, 0, 0, 0), "reflect"), ShapeError, r"^pad: mode='reflect' cannot pad 5 elements by 5\n"),
            Refusal((X, (6, 0, 0, 0), "circular"), ShapeError, r"^pad: mode='circular' cannot pad 5 elements by 6\n"),
            Refusal(
                (X[..., :0], (1, 0, 0, 0), "replicate"),
                ShapeError,
                r"^pad: there is nothing to take the padding from\n",
            ),
        ],
    ),
    OpRow(
        "unfold windows",
        unfold.unfold,
        unfolds,
        oracle=_unfold_oracle,
        torch="nn.functional.unfold",
        no_zero_dim=NO_SCALAR,
        refusals=[
            Refusal((X, 6), ShapeError, r"^unfold: no window of \(6, 6\) fits into \(5, 5\) with padding \(0, 0\)\n"),
            Refusal((X[0, 0], 2), ShapeError, r"^unfold: input must have 4 dims, or 3 without a batch, has 2\n"),
        ],
    ),
    OpRow(
        "fold",
        unfold.fold,
        folds,
        oracle=_fold_oracle,
        torch="nn.functional.fold",
        no_zero_dim=NO_SCALAR,
        half=8.0,
        refusals=[
            Refusal((np.ones((1, 4, 8)), 4, 2), ShapeError, r"^fold: 8 columns, but 9 windows\n"),
            Refusal((np.ones((1, 5, 9)), 4, 2), ShapeError, r"^fold: 5 rows are no multiple of 4 per window\n"),
        ],
    ),
    OpRow(
        "pixel_shuffle",
        shuffle.pixel_shuffle,
        _shapes(((2, 8, 2, 3), 2), ((9, 1, 2), 3), ((2, 1, 4, 2, 1), 1)),
        oracle=_shuffle_oracle,
        torch="nn.functional.pixel_shuffle",
        no_zero_dim=NO_SCALAR,
        no_empty="PyTorch's gradient of an empty input has another shape",
        refusals=[
            Refusal((X, 2), ShapeError, r"^pixel_shuffle: 3 channels do not divide by the square of upscale_factor=2\n")
        ],
    ),
    OpRow(
        "pixel_unshuffle",
        shuffle.pixel_unshuffle,
        _shapes(((2, 2, 4, 6), 2), ((1, 3, 6), 3), ((2, 1, 4, 2, 1), 1)),
        oracle=_unshuffle_oracle,
        torch="nn.functional.pixel_unshuffle",
        no_zero_dim=NO_SCALAR,
        no_empty="PyTorch gives an empty input back unshuffled",
        refusals=[
            Refusal((X, 2), ShapeError, r"^pixel_unshuffle: height 5 and width 5 do not divide by downscale_factor=2\n")
        ],
    ),
    OpRow(
        "channel_shuffle",
        shuffle.channel_shuffle,
        _shapes(((2, 6, 3), 2), ((1, 6, 2, 2), 3), ((0, 4, 2), 2)),
        oracle=_deal_oracle,
        torch="nn.functional.channel_shuffle",
        no_zero_dim=NO_SCALAR,
        refusals=[Refusal((X, 2), ShapeError, r"^channel_shuffle: 3 channels do not divide into groups=2\n")],
    ),
]
