"""Channels to space and back.

Source    Shi et al. 2016, arXiv:1609.05158; semantics of torch.nn.PixelShuffle, PixelUnshuffle, ChannelShuffle
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from medtorch.core.tensor import Tensor
from medtorch.nn import functional as F
from medtorch.nn.modules.module import Module


class PixelShuffle(Module):
    """r^2 channels become one with r times the height and width.

    Shapes    (*, C r^2, H, W) -> (*, C, H r, W r)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Undo PixelShuffle.

    Shapes    (*, C, H r, W r) -> (*, C r^2, H, W)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"
