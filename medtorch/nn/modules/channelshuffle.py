"""Mixing groups of channels.

Source    Zhang et al. 2018, arXiv:1707.01083; semantics of torch.nn.ChannelShuffle
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from medtorch.core.tensor import Tensor
from medtorch.nn import functional as F
from medtorch.nn.modules.module import Module


class ChannelShuffle(Module):
    """Channel k of group g goes to place k * groups + g.

    Shapes    (N, C, *) -> the same
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
