"""Pools over 1 to 3 spatial dims, as functions. A missing batch dim is added for the op and taken away again.

Source    semantics of torch.nn.functional.max_pool2d, avg_pool2d, adaptive_*_pool2d, max_unpool2d, lp_pool2d
Requires  REQ-F-OPS-102, REQ-F-OPS-103
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medtorch.core.autocasting import wide
from medtorch.core.ops.avg_pool import AdaptiveAvgPool, AvgPool
from medtorch.core.ops.max_pool import AdaptiveMaxPool, MaxPool, MaxUnpool, PoolGather
from medtorch.core.ops.op import require
from medtorch.core.shapes import Shape
from medtorch.core.windows import batched, numbers
from medtorch.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

Sizes = int | Sequence[int]
Pooled = Any  # a tensor, or with return_indices a pair of tensors


def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """The greatest number of every window over one spatial dim, (N, C, L) or (C, L). See `MaxPool`."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """The greatest number of every window over two spatial dims, (N, C, H, W) or (C, H, W). See `MaxPool`."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@wide
def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """The greatest number of every window over three spatial dims, (N, C, D, H, W) or (C, D, H, W). See `MaxPool`."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """max_pool1d and where the numbers were, whatever `return_indices` says, as in torch."""
    del return_indices
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """max_pool2d and where the numbers were, whatever `return_indices` says, as in torch."""
    del return_indices
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)


@wide
def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """max_pool3d and where the numbers were, whatever `return_indices` says, as in torch."""
    del return_indices
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of every window over one spatial dim, (N, C, L) or (C, L). See `AvgPool`."""
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of every window over two spatial dims, (N, C, H, W) or (C, H, W). See `AvgPool`."""
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@wide
def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of every window over three spatial dims, (N, C, D, H, W) or (C, D, H, W). See `AvgPool`."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """The greatest number of each of `output_size` windows. See `AdaptiveMaxPool`."""
    return _adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """The greatest number of each of `output_size` windows. See `AdaptiveMaxPool`."""
    return _adaptive_max_pool(2, input, output_size, return_indices)


@wide
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """The greatest number of each of `output_size` windows. See `AdaptiveMaxPool`."""
    return _adaptive_max_pool(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """adaptive_max_pool1d and where the numbers were, whatever `return_indices` says, as in torch."""
    del return_indices
    return _adaptive_max_pool(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """adaptive_max_pool2d and where the numbers were, whatever `return_indices` says, as in torch."""
    del return_indices
    return _adaptive_max_pool(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Pooled:
    """adaptive_max_pool3d and where the numbers were, whatever `return_indices` says, as in torch."""
    del return_indices
    return _adaptive_max_pool(3, input, output_size, True)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of `output_size` windows. See `AdaptiveAvgPool`."""
    return _adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of `output_size` windows. See `AdaptiveAvgPool`."""
    return _adaptive_avg_pool(2, input, output_size)


@wide
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of `output_size` windows. See `AdaptiveAvgPool`."""
    return _adaptive_avg_pool(3, input, output_size)


@wide
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put pooled numbers back to where max_pool1d found them, zeros elsewhere. See `MaxUnpool`."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@wide
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put pooled numbers back to where max_pool2d found them, zeros elsewhere. See `MaxUnpool`."""
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@wide
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put pooled numbers back to where max_pool3d found them, zeros elsewhere. See `MaxUnpool`."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window: (sum x^p)^(1/p). Source: semantics of torch.nn.functional.lp_pool1d"""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window: (sum x^p)^(1/p). Source: semantics of torch.nn.functional.lp_pool2d"""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window: (sum x^p)^(1/p). Source: semantics of torch.nn.functional.lp_pool3d"""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def _steps(stride: Sizes | None, kernel: Shape, op: str) -> Shape:
    """Windows side by side where no stride is given."""
    if stride is None or (not isinstance(stride, int) and len(stride) == 0):
        return kernel
    return numbers(stride, len(kernel), op=op, name="stride", least=1)


def _max_pool(
    spatial: int,
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    return_indices: bool,
) -> Pooled:
    name = f"max_pool{spatial}d"
    kernel = numbers(kernel_size, spatial, op=name, name="kernel_size", least=1)
    pads = numbers(padding, spatial, op=name, name="padding", least=0)
    spread = numbers(dilation, spatial, op=name, name="dilation", least=1)
    x, added = batched(input, spatial)
    return _chosen(
        MaxPool(kernel, _steps(stride, kernel, name), pads, spread, bool(ceil_mode)), x, added, return_indices
    )


def _chosen(op: MaxPool | AdaptiveMaxPool, x: Tensor, added: bool, return_indices: bool) -> Pooled:
    if not return_indices:
        out = op(x)
        return out.squeeze(0) if added else out
    indices = op.indices(x)
    out = PoolGather()(x, indices)
    return (out.squeeze(0), indices.squeeze(0)) if added else (out, indices)


def _avg_pool(
    spatial: int,
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    name = f"avg_pool{spatial}d"
    kernel = numbers(kernel_size, spatial, op=name, name="kernel_size", least=1)
    pads = numbers(padding, spatial, op=name, name="padding", least=0)
    require(divisor_override != 0, ArgumentError, name, "divisor_override must not be 0", input=input.spec)
    steps = _steps(stride, kernel, name)
    x, added = batched(input, spatial)
    out = AvgPool(kernel, steps, pads, bool(ceil_mode), bool(count_include_pad), divisor_override)(x)
    return out.squeeze(0) if added else out  # type: ignore[no-any-return]


def _wanted(spatial: int, input: Tensor, output_size: Any, name: str) -> Shape:
    """`output_size` with the input's own size for every None."""
    given = (output_size,) * spatial if output_size is None or isinstance(output_size, int) else tuple(output_size)
    require(input.ndim > spatial, ShapeError, name, f"input must have {spatial + 1} dims or more", input=input.spec)
    require(
        len(given) in (1, spatial),
        ArgumentError,
        name,
        f"output_size needs {spatial} numbers, got {given}",
        input=input.spec,
    )
    given = given * spatial if len(given) == 1 else given
    own = input.shape[input.ndim - spatial :]
    filled = [n if g is None else g for g, n in zip(given, own, strict=True)]
    return numbers(filled, spatial, op=name, name="output_size", least=0)


def _adaptive_max_pool(spatial: int, input: Tensor, output_size: Any, return_indices: bool) -> Pooled:
    wanted = _wanted(spatial, input, output_size, f"adaptive_max_pool{spatial}d")
    x, added = batched(input, spatial)
    return _chosen(AdaptiveMaxPool(wanted), x, added, return_indices)


def _adaptive_avg_pool(spatial: int, input: Tensor, output_size: Any) -> Tensor:
    wanted = _wanted(spatial, input, output_size, f"adaptive_avg_pool{spatial}d")
    x, added = batched(input, spatial)
    out = AdaptiveAvgPool(wanted)(x)
    return out.squeeze(0) if added else out  # type: ignore[no-any-return]


def _max_unpool(
    spatial: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    output_size: Sequence[int] | None,
) -> Tensor:
    name = f"max_unpool{spatial}d"
    kernel = numbers(kernel_size, spatial, op=name, name="kernel_size", least=1)
    steps = _steps(stride, kernel, name)
    pads = numbers(padding, spatial, op=name, name="padding", least=0)
    given = {"input": input.spec, "indices": indices.spec}
    require(input.ndim == indices.ndim, ShapeError, name, "input and indices differ in shape", **given)
    x, added = batched(input, spatial)
    usual = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(x.shape[2:], steps, kernel, pads, strict=False)]
    size = usual if output_size is None else list(output_size)[-spatial:]
    near = all(u - s < n < u + s for n, u, s in zip(size, usual, steps, strict=True))
    require(near, ArgumentError, name, f"output_size {tuple(size)} must be within a stride of {tuple(usual)}", **given)
    places = indices.unsqueeze(0) if added else indices
    out = MaxUnpool(numbers(size, spatial, op=name, name="output_size", least=1))(x, places)
    return out.squeeze(0) if added else out  # type: ignore[no-any-return]


def _lp_pool(
    spatial: int, input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None, ceil_mode: bool
) -> Tensor:
    kernel = numbers(kernel_size, spatial, op=f"lp_pool{spatial}d", name="kernel_size", least=1)
    if math.isinf(norm_type):
        sign = math.copysign(1.0, norm_type)
        greatest: Tensor = _max_pool(spatial, sign * input.abs(), kernel, stride, 0, 1, ceil_mode, False)
        return sign * greatest
    mean = _avg_pool(spatial, input.pow(norm_type), kernel, stride, 0, ceil_mode, True, None)
    return (mean.sign() * mean.abs().relu()).mul(math.prod(kernel)).pow(1.0 / norm_type)
