"""Single kernels with the work that each must do: operations, and bytes that must be read or written once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import medtorch
from medtorch import nn
from medtorch.core.backends import kernels_for
from medtorch.nn import functional as F


@dataclass(frozen=True)
class Row:
    """A kernel on one shape; `flops` counts a fused multiply-add as two, as in the plain algorithm."""

    name: str
    once: Callable[[], Any]
    flops: float
    bytes: float


# inputs, outputs, size, kernel, stride, groups
CONVOLUTIONS = {
    "3x3 64 @56": (64, 64, 56, 3, 1, 1),
    "3x3 256 @14": (256, 256, 14, 3, 1, 1),
    "3x3 512 @7": (512, 512, 7, 3, 1, 1),
    "3x3/2 64->128 @56": (64, 128, 56, 3, 2, 1),
    "7x7/2 3->64 @224": (3, 64, 224, 7, 2, 1),
    "1x1 64->256 @56": (64, 256, 56, 1, 1, 1),
    "1x1 1024->256 @14": (1024, 256, 14, 1, 1, 1),
    "depthwise 3x3 144 @56": (144, 144, 56, 3, 1, 144),
    "depthwise 5x5 240 @28": (240, 240, 28, 5, 1, 240),
}
BATCH = 8  # of gradients


def rows() -> Iterator[Row]:
    """Every row, made when it is asked for."""
    for name, case in CONVOLUTIONS.items():
        yield _compiled(f"conv {name}, weights packed", *case)
    for name, case in CONVOLUTIONS.items():
        yield _eager(f"conv {name}, eager", *case)
    for name, case in CONVOLUTIONS.items():
        yield from _gradients(name, *case)
    yield from _products()
    yield from _passes()


def _random(*shape: int, seed: int = 0) -> Any:
    return medtorch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def _image(*shape: int) -> Any:
    return _random(*shape).contiguous(memory_format=medtorch.channels_last)


def _work(batch: int, c: int, o: int, size: int, k: int, stride: int, groups: int) -> tuple[float, float]:
    out = math.ceil(size / stride)
    flops = 2.0 * batch * o * out * out * k * k * c / groups
    return flops, 4.0 * (batch * (c * size * size + o * out * out) + o * c * k * k / groups)


def _compiled(name: str, c: int, o: int, size: int, k: int, stride: int, groups: int) -> Row:
    x = _image(1, c, size, size)
    layer = nn.Conv2d(c, o, k, stride=stride, padding=k // 2, groups=groups).eval()
    run = medtorch.compile(layer, x)
    return Row(name, lambda: run(x), *_work(1, c, o, size, k, stride, groups))


def _eager(name: str, c: int, o: int, size: int, k: int, stride: int, groups: int) -> Row:
    x, weight = _image(1, c, size, size), _random(o, c // groups, k, k, seed=1)
    return Row(
        name,
        lambda: F.conv2d(x, weight, None, stride, k // 2, 1, groups),
        *_work(1, c, o, size, k, stride, groups),
    )


def _gradients(name: str, c: int, o: int, size: int, k: int, stride: int, groups: int) -> Iterator[Row]:
    out = (size + 2 * (k // 2) - k) // stride + 1
    x, dy = _image(BATCH, c, size, size), _image(BATCH, o, out, out)
    weight = _random(o, c // groups, k, k, seed=1)
    kernels = kernels_for(x.device)
    xs, dys, ws = (t.numpy() for t in (x, dy, weight))
    places = ((stride, stride), ((k // 2, k // 2),) * 2, (1, 1), groups)
    work = _work(BATCH, c, o, size, k, stride, groups)
    yield Row(
        f"input gradient {name} x{BATCH}",
        lambda: kernels.conv_input_grad(dys, ws, None, (size, size), *places),
        *work,
    )
    yield Row(f"weight gradient {name} x{BATCH}", lambda: kernels.conv_weight_grad(xs, dys, (k, k), *places), *work)


def _products() -> Iterator[Row]:
    for m, k, n in ((197, 768, 3072), (1, 960, 1280), (1024, 1024, 1024)):
        x, layer = _random(m, k), nn.Linear(k, n).eval()
        run = medtorch.compile(layer, x)
        work = 2.0 * m * k * n, 4.0 * (m * k + k * n + m * n)
        yield Row(f"linear {m}x{k}->{n}, weights packed", lambda run=run, x=x: run(x), *work)
        a, b = _random(m, k), _random(k, n)
        yield Row(f"matmul {m}x{k}x{n}, eager", lambda a=a, b=b: a @ b, *work)
    q, k, v = (_random(1, 12, 197, 64, seed=s) for s in range(3))
    size = 12 * 197 * 64
    yield Row(
        "attention 12 heads 197x64", lambda: F.scaled_dot_product_attention(q, k, v), 4.0 * size * 197, 16.0 * size
    )


def _passes() -> Iterator[Row]:
    """Kernels that do little with each number: their limit is memory."""
    x, y = _image(1, 64, 112, 112), _image(1, 64, 112, 112)
    size = 64.0 * 112 * 112
    scale, shift, var = _random(64), _random(64), _random(64).abs()
    for name, once, moved in (
        ("add", lambda: x + y, 3),
        ("relu", lambda: F.relu(x), 2),
        ("gelu", lambda: F.gelu(x), 2),
        ("silu", lambda: F.silu(x), 2),
        ("max pool 3x3/2", lambda: F.max_pool2d(x, 3, 2, 1), 1.25),
        ("batch norm, eval", lambda: F.batch_norm(x, scale, var, scale, shift), 2),
        ("batch norm, training", lambda: F.batch_norm(x, None, None, scale, shift, training=True), 3),
        ("instance norm", lambda: F.instance_norm(x, weight=scale, bias=shift), 3),
        ("mean over space", lambda: x.mean((2, 3)), 1),
        ("bilinear x2", lambda: F.interpolate(x, scale_factor=2, mode="bilinear"), 5),
        ("cat of two", lambda: medtorch.cat((x, y), 1), 4),
        ("to NCHW", x.contiguous, 2),
    ):
        yield Row(f"{name} 64 @112", once, size, 4 * moved * size)
    tokens = _random(197, 768)
    for name, once in (
        ("layer norm 197x768", lambda: F.layer_norm(tokens, (768,))),
        ("softmax 197x768", lambda: F.softmax(tokens, -1)),
    ):
        yield Row(name, once, 197 * 768.0, 8 * 197 * 768.0)
