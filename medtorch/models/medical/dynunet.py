"""nnU-Net's network with any number of levels, plain or residual, under MONAI's keys.

Source    Isensee et al., nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation,
          Nature Methods 2021; semantics of monai.networks.nets.DynUNet
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import stack
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.medical.dynunet_blocks import LEAKY, UnetBasicBlock, UnetOutBlock, UnetResBlock, UnetUpBlock
from medtorch.models.medical.layers import Described, Sizes, check_dims, spread
from medtorch.nn import functional as F

INSTANCE: tuple[str, dict[str, Any]] = ("INSTANCE", {"affine": True})


class DynUNetSkipLayer(nn.Module):
    """A level: down, all that lies below, up beside what went down; `super_head` scores what comes out."""

    def __init__(
        self, downsample: nn.Module, upsample: nn.Module, next_layer: nn.Module, super_head: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.downsample = downsample
        self.next_layer = next_layer
        self.upsample = upsample
        self.super_head = super_head

    def forward(self, x: Tensor, scores: list[Tensor] | None = None) -> Tensor:
        """Scores of deeper levels go to `scores`, the deepest first."""
        kept = self.downsample(x)
        below = self.next_layer
        deep = below(kept, scores) if isinstance(below, DynUNetSkipLayer) else below(kept)
        up: Tensor = self.upsample(deep, kept)
        if scores is not None and self.super_head is not None:
            scores.append(self.super_head(up))
        return up


class DynUNet(nn.Module):
    """One level a kernel; kernel, stride and upsampling of each are told.

    Shapes    (n, in_channels, *sizes) -> logits (n, out_channels, *sizes); while training with deep supervision
              (n, 1 + deep_supr_num, out_channels, *sizes), those of deeper levels brought to the size of the first
    Raises    ArgumentError for fewer than 3 levels, lists of different lengths or too many supervised levels
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Sequence[Sizes],
        strides: Sequence[Sizes],
        upsample_kernel_size: Sequence[Sizes],
        filters: Sequence[int] | None = None,
        dropout: Described | float | None = None,
        norm_name: Described = INSTANCE,
        act_name: Described = LEAKY,
        deep_supervision: bool = False,
        deep_supr_num: int = 1,
        res_block: bool = False,
        trans_bias: bool = False,
    ) -> None:
        super().__init__()
        check_dims(spatial_dims)
        _check_levels(spatial_dims, kernel_size, strides, upsample_kernel_size, filters)
        if deep_supervision and not 0 < deep_supr_num < len(strides) - 1:
            raise ArgumentError(
                f"DynUNet: of {len(strides)} levels 1 to {len(strides) - 2} can be supervised, got {deep_supr_num}"
            )
        self.deep_supervision, self.deep_supr_num = deep_supervision, deep_supr_num
        levels = len(strides)
        widths = _widths(spatial_dims, levels) if filters is None else list(filters)[:levels]
        block = UnetResBlock if res_block else UnetBasicBlock
        told: dict[str, Any] = {"norm_name": norm_name, "act_name": act_name, "dropout": dropout}

        def down(level: int) -> nn.Module:
            inp = widths[level - 1] if level else in_channels
            return block(spatial_dims, inp, widths[level], kernel_size[level], strides[level], **told)

        def up(level: int) -> UnetUpBlock:
            kernels = (kernel_size[level], upsample_kernel_size[level - 1])
            return UnetUpBlock(spatial_dims, widths[level], widths[level - 1], *kernels, trans_bias=trans_bias, **told)

        def scores(level: int) -> UnetOutBlock:
            return UnetOutBlock(spatial_dims, widths[level], out_channels, dropout)

        self.input_block = down(0)
        self.downsamples = nn.ModuleList(down(level) for level in range(1, levels - 1))
        self.bottleneck = down(levels - 1)
        self.upsamples = nn.ModuleList(up(level) for level in range(levels - 1, 0, -1))
        self.output_block = scores(0)
        heads: list[nn.Module | None] = [None] * (levels - 1)
        if deep_supervision:
            self.deep_supervision_heads = nn.ModuleList(scores(1 + i) for i in range(deep_supr_num))
            heads[1 : 1 + deep_supr_num] = self.deep_supervision_heads
        self.apply(_fresh)
        self.skip_layers = self._nested(heads)

    def _nested(self, heads: Sequence[nn.Module | None]) -> nn.Module:
        inner = self.bottleneck
        downs = [self.input_block, *self.downsamples]
        for level in range(len(downs) - 1, -1, -1):
            inner = DynUNetSkipLayer(downs[level], self.upsamples[len(downs) - 1 - level], inner, heads[level])
        return inner

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and self.deep_supervision):
            return self.output_block(self.skip_layers(x))  # type: ignore[no-any-return]
        deeper: list[Tensor] = []
        first = self.output_block(self.skip_layers(x, deeper))
        resized = [F.interpolate(scores, size=tuple(first.shape[2:]), mode="nearest") for scores in reversed(deeper)]
        return stack((first, *resized), 1)


def _widths(spatial_dims: int, levels: int) -> list[int]:
    return [min(2 ** (5 + i), 320 if spatial_dims == 3 else 512) for i in range(levels)]


def _check_levels(
    spatial_dims: int,
    kernel_size: Sequence[Sizes],
    strides: Sequence[Sizes],
    upsample_kernel_size: Sequence[Sizes],
    filters: Sequence[int] | None,
) -> None:
    levels = len(strides)
    if levels < 3 or len(kernel_size) != levels or len(upsample_kernel_size) != levels - 1:
        raise ArgumentError(
            f"DynUNet: needs 3 levels or more, a kernel and a stride for each and an upsampling between each two; got "
            f"{len(kernel_size)}, {levels} and {len(upsample_kernel_size)}"
        )
    for name, told in (("kernel_size", kernel_size), ("strides", strides), ("upsampling", upsample_kernel_size)):
        for sizes in told:
            spread(sizes, spatial_dims, f"DynUNet: {name} {sizes}")
    if filters is not None and len(filters) < levels:
        raise ArgumentError(f"DynUNet: {levels} levels need {levels} filters, got {list(filters)}")


def _fresh(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        nn.init.kaiming_normal_(module.weight, a=0.01)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
