"""Maximum pooling whose windows lie at random, unequal distances.

Source    Graham 2014, arXiv:1412.6071 (overlapping, pseudo-random); semantics of
          torch.nn.functional.fractional_max_pool2d, fractional_max_pool3d
Requires  REQ-F-OPS-102
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core.autocasting import wide
from medtorch.core.ops.host import Numbers, beside
from medtorch.core.ops.max_pool import PoolGather
from medtorch.core.ops.op import require
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

Sizes = int | Sequence[int]
Ratios = float | Sequence[float]


@wide
def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """The greatest number of windows at random places of (N, C, H, W) or (C, H, W). See `fractional_max_pool`."""
    out, indices = _pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return (out, indices) if return_indices else out


@wide
def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """The greatest number of windows at random places of (N, C, D, H, W) or (C, D, H, W). See `fractional_max_pool`."""
    out, indices = _pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return (out, indices) if return_indices else out


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """fractional_max_pool2d and where the numbers were, whatever `return_indices` says, as in torch."""
    del return_indices
    return _pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """fractional_max_pool3d and where the numbers were, whatever `return_indices` says, as in torch."""
    del return_indices
    return _pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)


def _pooled(
    dims: int,
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None,
    output_ratio: Ratios | None,
    samples: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The maximum of each window and its place in its plane.

    Math      window i of n begins at int((i + u) a) - int(u a), a = (size - kernel) / (n - 1), the last at
              size - kernel; u in [0, 1) is drawn for each sample, channel and dim
    Raises    ArgumentError for neither or both of size and ratio, ShapeError for windows that do not fit
    """
    name = f"fractional_max_pool{dims}d"
    given = {"input": input.spec}
    require(input.ndim in (dims + 1, dims + 2), ShapeError, name, f"expected {dims + 1}D or {dims + 2}D input", **given)
    require(input.is_floating_point(), DtypeError, name, "input must be floating point", **given)
    planes = input.unsqueeze(0) if input.ndim == dims + 1 else input
    size = tuple(planes.shape[2:])
    kernel, count = _each(dims, kernel_size), _counts(name, dims, size, output_size, output_ratio)
    for length, window, number in zip(size, kernel, count, strict=True):
        fits = window > 0 and number > 0 and number + window - 1 <= length
        text = f"pool size {window} with {number} windows does not fit into {length}"
        require(fits, ShapeError, name, text, **given)
    wanted = (*planes.shape[:2], dims)
    if samples is None:
        samples = input.detach().new_empty(wanted).uniform_()
    samples = samples[:1] if planes is not input else samples  # without a batch the first sample's numbers serve
    text = f"_random_samples must have the shape {wanted}"
    require(tuple(samples.shape) == wanted, ShapeError, name, text, **given, _random_samples=samples.spec)
    # torch takes the first number for the depth in 3-D, but for the last dim in 2-D
    drawn = samples.numpy(force=True)
    drawn = drawn[..., ::-1] if dims == 2 else drawn
    indices = _places(planes.detach(), drawn, size, kernel, count)
    out: Tensor = PoolGather()(planes, indices)
    return (out, indices) if input.ndim == dims + 2 else (out.squeeze(0), indices.squeeze(0))


def _counts(
    name: str, dims: int, size: tuple[int, ...], output_size: Sizes | None, output_ratio: Ratios | None
) -> tuple[int, ...]:
    one = (output_size is None) != (output_ratio is None)
    require(one, ArgumentError, name, "requires specifying either an output_size or an output_ratio")
    if output_size is not None:
        return _each(dims, output_size)
    ratios = _each(dims, output_ratio)
    inside = all(0 < ratio < 1 for ratio in ratios)
    require(inside, ArgumentError, name, f"output_ratio must be between 0 and 1 (got {output_ratio})")
    return tuple(int(length * ratio) for length, ratio in zip(size, ratios, strict=True))


def _each(dims: int, value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,) * dims


def _places(
    planes: Tensor, drawn: np.ndarray[Any, Any], size: tuple[int, ...], kernel: tuple[int, ...], count: tuple[int, ...]
) -> Tensor:
    """Where in its plane the greatest number of each window is."""
    places: Numbers = np.zeros((*planes.shape[:2], *(1,) * (2 * len(size))), np.int64)
    for dim, (length, window, number) in enumerate(zip(size, kernel, count, strict=True)):
        begins = _begins(drawn[..., dim], length, window, number)
        along = begins[..., None] + np.arange(window)
        shape = [1] * (2 * len(size))
        shape[dim], shape[len(size) + dim] = number, window
        places = places * length + along.reshape(*along.shape[:2], *shape)
    flat = places.reshape(*places.shape[: 2 + len(size)], -1)
    index = beside(planes, flat.reshape(*flat.shape[:2], -1))
    seen = planes.flatten(2).gather(2, index).reshape(flat.shape)
    chosen = seen.argmax(-1, keepdim=True)
    found: Tensor = index.reshape(flat.shape).gather(-1, chosen).squeeze(-1)
    return found


def _begins(drawn: np.ndarray[Any, Any], length: int, window: int, number: int) -> Numbers:
    """Where each window begins, (N, C, windows); in the precision of the input, as torch counts."""
    last = np.full((*drawn.shape, 1), length - window, np.int64)
    if number == 1:
        return last
    step = drawn.dtype.type((length - window) / (number - 1))
    begins = ((np.arange(number - 1, dtype=drawn.dtype) + drawn[..., None]) * step).astype(np.int64)
    begins -= (drawn[..., None] * step).astype(np.int64)
    return np.concatenate([begins, last], -1)
