"""Leaving numbers, channels or features out at random while training.

Every call takes fresh numbers from the default stream, or from the generator that is passed.

Source    Srivastava et al. 2014, JMLR 15, 1929-1958; semantics of torch.nn.functional.dropout and its kin
Requires  REQ-F-OPS-110
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from medtorch.core.ops.op import require
from medtorch.core.stream import Streaming, stream_of
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.shapes import Shape
    from medtorch.core.tensor import Tensor

# selu's value for minus infinity: what alpha dropout puts in place of what it leaves out.
_SATURATION = -1.7580993408473766


def dropout(input: Tensor, p: float = 0.5, training: bool = True, *, generator: Streaming | None = None) -> Tensor:
    """Each number is 0 with probability `p`, else divided by 1 - p. Nothing happens when not training."""
    return _scaled("dropout", input, p, training, tuple(input.shape), generator)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, *, generator: Streaming | None = None) -> Tensor:
    """Whole channels of (N, C, L) or (C, L) are 0 with probability `p`."""
    return _channels("dropout1d", input, p, training, (2, 3), generator)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, *, generator: Streaming | None = None) -> Tensor:
    """Whole channels of (N, C, H, W) are 0 with probability `p`. As in torch, 3 dims are read as (N, C, L)."""
    require(
        input.ndim in (3, 4), ShapeError, "dropout2d", f"input must have 4 dims, has {input.ndim}", input=input.spec
    )
    if input.ndim == 3:
        warnings.warn("dropout2d: 3 dims are read as (N, C, L), not as (C, H, W); use dropout1d", stacklevel=2)
    return _scaled("dropout2d", input, p, training, _per_channel(input, batched=True), generator)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, *, generator: Streaming | None = None) -> Tensor:
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) are 0 with probability `p`."""
    return _channels("dropout3d", input, p, training, (4, 5), generator)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, *, generator: Streaming | None = None
) -> Tensor:
    """Numbers are put to selu's lower limit with probability `p`, then all scaled so that mean and variance stay.

    Source    Klambauer et al. 2017, arXiv:1706.02515, section 2
    """
    return _saturated("alpha_dropout", input, p, training, tuple(input.shape), generator)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, *, generator: Streaming | None = None
) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, ...)."""
    if not training or p == 0:
        return _saturated("feature_alpha_dropout", input, p, training, (), generator)
    enough = input.ndim >= 2
    require(enough, ShapeError, "feature_alpha_dropout", "input must have 2 dims or more", input=input.spec)
    return _saturated("feature_alpha_dropout", input, p, training, _per_channel(input, batched=True), generator)


def _channels(
    name: str, input: Tensor, p: float, training: bool, dims: tuple[int, int], generator: Streaming | None
) -> Tensor:
    text = f"input must have {dims[1]} dims, or {dims[0]} without a batch, has {input.ndim}"
    require(input.ndim in dims, ShapeError, name, text, input=input.spec)
    return _scaled(name, input, p, training, _per_channel(input, batched=input.ndim == dims[1]), generator)


def _per_channel(input: Tensor, *, batched: bool) -> Shape:
    kept = 2 if batched else 1
    return (*input.shape[:kept], *(1,) * (input.ndim - kept))


def _check(name: str, input: Tensor, p: float, training: bool) -> None:
    given = {"input": input.spec}
    require(0 <= p <= 1, ArgumentError, name, f"p must lie in [0, 1], got {p}", **given)
    require(input.dtype.is_floating_point or not training, DtypeError, name, "input must be floating point", **given)


def _scaled(name: str, input: Tensor, p: float, training: bool, shape: Shape, generator: Streaming | None) -> Tensor:
    _check(name, input, p, training)
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0
    kept = stream_of(generator).uniform(shape) >= p
    return input * input.new_tensor(kept * (1 / (1 - p)))


def _saturated(name: str, input: Tensor, p: float, training: bool, shape: Shape, generator: Streaming | None) -> Tensor:
    _check(name, input, p, training)
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0
    kept = stream_of(generator).uniform(shape) >= p
    scale = 1 / math.sqrt((_SATURATION**2 * p + 1) * (1 - p))
    return input * input.new_tensor(kept * scale) + input.new_tensor((~kept * _SATURATION - _SATURATION * p) * scale)
