"""The same numbers in another arrangement of channels and space.

Source    Shi et al. 2016, arXiv:1609.05158; Zhang et al. 2018, arXiv:1707.01083;
          semantics of torch.nn.functional.pixel_shuffle, pixel_unshuffle, channel_shuffle
Requires  REQ-F-OPS-113
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.ops.op import require
from medtorch.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Lay r^2 channels out as squares of pixels.

    Shapes    (*, C r^2, H, W)  ->  (*, C, H r, W r)
    Raises    ShapeError if the channels do not divide by r^2
    """
    r, given = upscale_factor, {"input": input.spec}
    require(r > 0, ArgumentError, "pixel_shuffle", f"upscale_factor must be positive, got {r}", **given)
    require(input.ndim >= 3, ShapeError, "pixel_shuffle", f"input must have 3 dims or more, has {input.ndim}", **given)
    *lead, channels, height, width = input.shape
    text = f"{channels} channels do not divide by the square of upscale_factor={r}"
    require(channels % (r * r) == 0, ShapeError, "pixel_shuffle", text, **given)
    n = len(lead)
    apart = input.reshape(*lead, channels // (r * r), r, r, height, width)
    turned = apart.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return turned.reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Stack squares of r x r pixels up as channels: undoes pixel_shuffle.

    Shapes    (*, C, H r, W r)  ->  (*, C r^2, H, W)
    Raises    ShapeError if height or width do not divide by r
    """
    r, given = downscale_factor, {"input": input.spec}
    require(r > 0, ArgumentError, "pixel_unshuffle", f"downscale_factor must be positive, got {r}", **given)
    require(
        input.ndim >= 3, ShapeError, "pixel_unshuffle", f"input must have 3 dims or more, has {input.ndim}", **given
    )
    *lead, channels, height, width = input.shape
    text = f"height {height} and width {width} do not divide by downscale_factor={r}"
    require(height % r == 0 and width % r == 0, ShapeError, "pixel_unshuffle", text, **given)
    n = len(lead)
    apart = input.reshape(*lead, channels, height // r, r, width // r, r)
    turned = apart.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return turned.reshape(*lead, channels * r * r, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels of `groups` groups out in turn.

    Shapes    (N, C, *size)  ->  same
    Raises    ShapeError if the groups do not divide the channels
    """
    given = {"input": input.spec}
    require(
        input.ndim >= 3, ShapeError, "channel_shuffle", f"input must have 3 dims or more, has {input.ndim}", **given
    )
    channels = input.shape[1]
    fits = groups > 0 and channels % groups == 0
    require(fits, ShapeError, "channel_shuffle", f"{channels} channels do not divide into groups={groups}", **given)
    apart = input.reshape(input.shape[0], groups, channels // groups, *input.shape[2:])
    return apart.transpose(1, 2).reshape(input.shape)
