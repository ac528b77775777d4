"""SegResNet with deep supervision and, for voxels that are no cubes, kernels that leave coarse axes alone.

Source    Myronenko, 3D MRI brain tumor segmentation using autoencoder regularization, BrainLes 2018; semantics of
          monai.networks.nets.SegResNetDS
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError
from medtorch.models.medical.layers import Described, Sizes, activation, check_dims, conv, norm, with_default
from medtorch.models.medical.upsample import UpSample

Scale = tuple[int, ...]


def scales_for_resolution(resolution: Sequence[float], levels: int) -> list[Scale]:
    """How much each axis shrinks below each level: by 2, or not at all while other axes are twice as fine.

    Raises    ArgumentError for a resolution that is not positive
    """
    if not all(r > 0 for r in resolution):
        raise ArgumentError(f"SegResNetDS: resolution must be positive, got {tuple(resolution)}")
    waits = [math.floor(math.log2(max(resolution) / r)) for r in resolution]
    uneven = [tuple(1 if i >= w else 2 for w in waits) for i in range(max(waits))]
    return (uneven + [(2,) * len(waits)] * (levels - len(uneven)))[:levels]


def _kernel(scale: Scale) -> Scale:
    return tuple(3 if s > 1 else 1 for s in scale)


def _padding(kernel: Scale) -> Scale:
    return tuple(k // 2 for k in kernel)


class SegResBlock(nn.Module):
    """Twice norm, activation, convolution, beside a shortcut."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        norm: Described,
        kernel_size: Sizes = 3,
        act: Described = "relu",
    ) -> None:
        super().__init__()
        kernel = tuple(kernel_size) if isinstance(kernel_size, Sequence) else (kernel_size,) * spatial_dims

        def unit() -> nn.Module:
            return conv(spatial_dims)(in_channels, in_channels, kernel, padding=_padding(kernel), bias=False)

        self.norm1 = _norm(norm, spatial_dims, in_channels)
        self.act1 = activation(act)
        self.conv1 = unit()
        self.norm2 = _norm(norm, spatial_dims, in_channels)
        self.act2 = activation(act)
        self.conv2 = unit()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(self.act1(self.norm1(x)))
        return self.conv2(self.act2(self.norm2(inner))) + x  # type: ignore[no-any-return]


def _norm(described: Described, dims: int, channels: int) -> nn.Module:
    return norm(described, dims, channels)


class SegResEncoder(nn.Module):
    """Blocks of each level and the way to the next.

    Shapes    (n, in_channels, *sizes) -> features of all levels, the first at full size
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        init_filters: int = 32,
        in_channels: int = 1,
        act: Described = "relu",
        norm: Described = "batch",
        blocks_down: Sequence[int] = (1, 2, 2, 4),
        anisotropic_scales: Sequence[Scale] | None = None,
    ) -> None:
        super().__init__()
        norm = with_default(norm, "norm", "affine", True)
        act = with_default(act, "act", "inplace", True)
        levels = len(blocks_down)
        scales = [(2,) * spatial_dims] * levels if anisotropic_scales is None else list(anisotropic_scales)
        kernels = [_kernel(scale) for scale in scales]
        build = conv(spatial_dims)
        self.conv_init = build(in_channels, init_filters, kernels[0], padding=_padding(kernels[0]), bias=False)
        self.layers = nn.ModuleList()
        for i in range(levels):
            width = init_filters * 2**i
            blocks = [SegResBlock(spatial_dims, width, norm, kernels[i], act) for _ in range(blocks_down[i])]
            down: nn.Module = nn.Identity()
            if i < levels - 1:
                padding = _padding(kernels[i])
                down = build(width, 2 * width, kernels[i], stride=scales[i], padding=padding, bias=False)
            self.layers.append(nn.ModuleDict({"blocks": nn.Sequential(*blocks), "downsample": down}))

    def forward(self, x: Tensor) -> list[Tensor]:
        kept = []
        x = self.conv_init(x)
        for level in self.layers:
            kept.append(level["blocks"](x))
            x = level["downsample"](kept[-1])
        return kept


class SegResNetDS(nn.Module):
    """Widths double from level to level; `dsdepth` levels are scored.

    Shapes    (n, in_channels, *sizes) -> logits (n, out_channels, *sizes); while training with dsdepth > 1 a list of
              them, from full size to the smallest
    Raises    ShapeError unless the sizes can be halved as often as the levels do
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        init_filters: int = 32,
        in_channels: int = 1,
        out_channels: int = 2,
        act: Described = "relu",
        norm: Described = "batch",
        blocks_down: Sequence[int] = (1, 2, 2, 4),
        blocks_up: Sequence[int] | None = None,
        dsdepth: int = 1,
        preprocess: nn.Module | Callable[[Tensor], Tensor] | None = None,
        upsample_mode: str = "deconv",
        resolution: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        check_dims(spatial_dims)
        levels = len(blocks_down)
        scales = None if resolution is None else scales_for_resolution(resolution, levels)
        self.anisotropic_scales = scales
        self.preprocess = preprocess
        self.dsdepth = max(dsdepth, 1)
        norm = with_default(norm, "norm", "affine", True)
        act = with_default(act, "act", "inplace", True)
        self.encoder = SegResEncoder(spatial_dims, init_filters, in_channels, act, norm, blocks_down, scales)
        self.steps = [(2,) * spatial_dims] * levels if scales is None else scales
        numbers = (1,) * (levels - 1) if blocks_up is None else tuple(blocks_up)
        if len(numbers) != levels - 1:
            raise ArgumentError(f"SegResNetDS: {levels} levels have {levels - 1} ways up, got blocks_up {numbers}")
        self.up_layers = nn.ModuleList()
        for i, number in enumerate(numbers):
            width = init_filters * 2 ** (levels - 2 - i)
            scale = self.steps[levels - 2 - i]
            kernel = _kernel(scale)
            larger = UpSample(
                spatial_dims,
                2 * width,
                width,
                scale_factor=scale,
                kernel_size=kernel,
                mode=upsample_mode,
                bias=False,
                align_corners=False,
            )
            blocks = nn.Sequential(*(SegResBlock(spatial_dims, width, norm, kernel, act) for _ in range(number)))
            scored = len(numbers) - i <= dsdepth
            head = conv(spatial_dims)(width, out_channels, 1) if scored else nn.Identity()
            self.up_layers.append(nn.ModuleDict({"upsample": larger, "blocks": blocks, "head": head}))
        if levels == 1:
            head = conv(spatial_dims)(init_filters, out_channels, 1)
            self.up_layers.append(nn.ModuleDict({"upsample": nn.Identity(), "blocks": nn.Identity(), "head": head}))

    def shape_factor(self) -> list[int]:
        """What each size has to be a multiple of."""
        return [math.prod(axis) for axis in zip(*self.steps[:-1], strict=True)] or [1] * len(self.steps[0])

    def is_valid_shape(self, x: Tensor) -> bool:
        """Whether the sizes of an image can be halved as often as they will be."""
        return all(size % factor == 0 for size, factor in zip(x.shape[2:], self.shape_factor(), strict=True))

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        if self.preprocess is not None:
            x = self.preprocess(x)
        if not self.is_valid_shape(x):
            raise ShapeError(f"SegResNetDS: sizes {tuple(x.shape[2:])} must be multiples of {self.shape_factor()}")
        kept = self.encoder(x)
        x = kept.pop()
        scores: list[Tensor] = []
        for i, level in enumerate(self.up_layers):
            x = level["upsample"](x)
            if kept:
                x = x + kept.pop()
            x = level["blocks"](x)
            if len(self.up_layers) - i <= self.dsdepth:
                scores.append(level["head"](x))
        scores.reverse()
        return scores if self.training and len(scores) > 1 else scores[0]
