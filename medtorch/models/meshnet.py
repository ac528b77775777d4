"""MeshNet: dilated 3-D convolutions that keep the full resolution of a volume with few weights.

Source    Fedorov et al., End-to-end learning of brain tissue segmentation from imperfect labeling, IJCNN 2017; the
          deeper dilations and ELU of the brainchop models
Requires  REQ-F-MOD-003
"""

from __future__ import annotations

from collections.abc import Sequence

from medtorch import nn
from medtorch.core.tensor import Tensor

_DILATIONS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 12, 8, 7, 6, 5, 4, 3, 2, 1)


class MeshNet(nn.Module):
    """Shapes    (n, in_channels, d, h, w) -> (n, num_classes, d, h, w)"""

    def __init__(
        self, num_classes: int = 3, in_channels: int = 1, channels: int = 15, dilations: Sequence[int] = _DILATIONS
    ) -> None:
        super().__init__()
        widths = (in_channels, *(channels,) * len(dilations))
        blocks = [_block(a, channels, d) for a, d in zip(widths, dilations, strict=False)]
        self.model = nn.Sequential(*blocks, nn.Conv3d(channels, num_classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]


def _block(in_channels: int, out_channels: int, dilation: int) -> nn.Sequential:
    conv = nn.Conv3d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
    return nn.Sequential(conv, nn.BatchNorm3d(out_channels), nn.ELU())


def meshnet(
    num_classes: int = 3, in_channels: int = 1, channels: int = 15, dilations: Sequence[int] = _DILATIONS
) -> MeshNet:
    """MeshNet."""
    return MeshNet(num_classes, in_channels, channels, dilations)
