"""U-Net and U-Net++ of five levels, under MONAI's keys.

Source    Ronneberger et al., U-Net, MICCAI 2015, in the form of Falk et al., U-Net: deep learning for cell counting,
          detection and morphometry, Nature Methods 2019; Zhou et al., UNet++, DLMIA 2018; semantics of
          monai.networks.nets.BasicUNet, BasicUNetPlusPlus
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.medical.convolution import Convolution
from medtorch.models.medical.layers import Described, check_dims, conv, max_pool
from medtorch.models.medical.upsample import UpSample
from medtorch.nn import functional as F

FEATURES = (32, 32, 64, 128, 256, 32)
LEAKY: tuple[str, dict[str, Any]] = ("LeakyReLU", {"negative_slope": 0.1, "inplace": True})
INSTANCE: tuple[str, dict[str, Any]] = ("instance", {"affine": True})


class TwoConv(nn.Sequential):
    """Two convolutions that keep the size."""

    def __init__(self, spatial_dims: int, in_chns: int, out_chns: int, **layer: Any) -> None:
        super().__init__(
            OrderedDict(
                conv_0=Convolution(spatial_dims, in_chns, out_chns, padding=1, **layer),
                conv_1=Convolution(spatial_dims, out_chns, out_chns, padding=1, **layer),
            )
        )


class Down(nn.Sequential):
    """Half the size, then two convolutions."""

    def __init__(self, spatial_dims: int, in_chns: int, out_chns: int, **layer: Any) -> None:
        pool = max_pool(spatial_dims)(kernel_size=2)
        super().__init__(OrderedDict(max_pooling=pool, convs=TwoConv(spatial_dims, in_chns, out_chns, **layer)))


class UpCat(nn.Module):
    """Twice the size, beside what the way down kept where that is given, then two convolutions.

    With `is_pad` edges that halving has lost are repeated.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_chns: int,
        cat_chns: int,
        out_chns: int,
        upsample: str = "deconv",
        pre_conv: nn.Module | str | None = "default",
        interp_mode: str = "linear",
        align_corners: bool | None = True,
        halves: bool = True,
        is_pad: bool = True,
        **layer: Any,
    ) -> None:
        super().__init__()
        keeps = not halves or (upsample == "nontrainable" and pre_conv is None)
        width = in_chns if keeps else in_chns // 2
        self.upsample = UpSample(
            spatial_dims,
            in_chns,
            width,
            2,
            mode=upsample,
            pre_conv=pre_conv,
            interp_mode=interp_mode,
            align_corners=align_corners,
        )
        self.convs = TwoConv(spatial_dims, cat_chns + width, out_chns, **layer)
        self.is_pad = is_pad

    def forward(self, x: Tensor, kept: Tensor | None) -> Tensor:
        x = self.upsample(x)
        if kept is None:
            return self.convs(x)  # type: ignore[no-any-return]
        if self.is_pad:
            missing = [int(a != b) for a, b in zip(kept.shape[2:], x.shape[2:], strict=True)]
            if any(missing):
                x = F.pad(x, [p for m in reversed(missing) for p in (0, m)], mode="replicate")
        return self.convs(cat((kept, x), 1))  # type: ignore[no-any-return]


def _check(name: str, spatial_dims: int, features: Sequence[int]) -> None:
    check_dims(spatial_dims)
    if len(features) != 6:
        raise ArgumentError(f"{name}: features needs 6 widths, got {list(features)}")


class BasicUNet(nn.Module):
    """Five levels, the sixth width that of the last features.

    Shapes    (n, in_channels, *sizes) -> logits (n, out_channels, *sizes)
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        in_channels: int = 1,
        out_channels: int = 2,
        features: Sequence[int] = FEATURES,
        act: Described = LEAKY,
        norm: Described = INSTANCE,
        bias: bool = True,
        dropout: float | Described = 0.0,
        upsample: str = "deconv",
    ) -> None:
        super().__init__()
        _check("BasicUNet", spatial_dims, features)
        layer: dict[str, Any] = {"act": act, "norm": norm, "bias": bias, "dropout": dropout}
        f, d = features, spatial_dims
        self.conv_0 = TwoConv(d, in_channels, f[0], **layer)
        self.down_1 = Down(d, f[0], f[1], **layer)
        self.down_2 = Down(d, f[1], f[2], **layer)
        self.down_3 = Down(d, f[2], f[3], **layer)
        self.down_4 = Down(d, f[3], f[4], **layer)
        self.upcat_4 = UpCat(d, f[4], f[3], f[3], upsample, **layer)
        self.upcat_3 = UpCat(d, f[3], f[2], f[2], upsample, **layer)
        self.upcat_2 = UpCat(d, f[2], f[1], f[1], upsample, **layer)
        self.upcat_1 = UpCat(d, f[1], f[0], f[5], upsample, halves=False, **layer)
        self.final_conv = conv(d)(f[5], out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x0 = self.conv_0(x)
        x1 = self.down_1(x0)
        x2 = self.down_2(x1)
        x3 = self.down_3(x2)
        up = self.upcat_4(self.down_4(x3), x3)
        up = self.upcat_1(self.upcat_2(self.upcat_3(up, x2), x1), x0)
        return self.final_conv(up)  # type: ignore[no-any-return]


class BasicUNetPlusPlus(nn.Module):
    """Five levels with a grid of decoders between, each fed by all before it on its level.

    Shapes    (n, in_channels, *sizes) -> a list of logits (n, out_channels, *sizes): that of the last decoder, or with
              `deep_supervision` those of all four of the first level
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        in_channels: int = 1,
        out_channels: int = 2,
        features: Sequence[int] = FEATURES,
        deep_supervision: bool = False,
        act: Described = LEAKY,
        norm: Described = INSTANCE,
        bias: bool = True,
        dropout: float | Described = 0.0,
        upsample: str = "deconv",
    ) -> None:
        super().__init__()
        _check("BasicUNetPlusPlus", spatial_dims, features)
        self.deep_supervision = deep_supervision
        layer: dict[str, Any] = {"act": act, "norm": norm, "bias": bias, "dropout": dropout}
        f, d = features, spatial_dims

        def upcat(level: int, kept: int, out: int) -> UpCat:
            return UpCat(d, f[level + 1], kept * f[level], out, upsample, halves=level > 0, **layer)

        self.conv_0_0 = TwoConv(d, in_channels, f[0], **layer)
        self.conv_1_0 = Down(d, f[0], f[1], **layer)
        self.conv_2_0 = Down(d, f[1], f[2], **layer)
        self.conv_3_0 = Down(d, f[2], f[3], **layer)
        self.conv_4_0 = Down(d, f[3], f[4], **layer)
        self.upcat_0_1 = upcat(0, 1, f[0])
        self.upcat_1_1 = upcat(1, 1, f[1])
        self.upcat_2_1 = upcat(2, 1, f[2])
        self.upcat_3_1 = upcat(3, 1, f[3])
        self.upcat_0_2 = upcat(0, 2, f[0])
        self.upcat_1_2 = upcat(1, 2, f[1])
        self.upcat_2_2 = upcat(2, 2, f[2])
        self.upcat_0_3 = upcat(0, 3, f[0])
        self.upcat_1_3 = upcat(1, 3, f[1])
        self.upcat_0_4 = upcat(0, 4, f[5])
        self.final_conv_0_1 = conv(d)(f[0], out_channels, 1)
        self.final_conv_0_2 = conv(d)(f[0], out_channels, 1)
        self.final_conv_0_3 = conv(d)(f[0], out_channels, 1)
        self.final_conv_0_4 = conv(d)(f[5], out_channels, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        x00 = self.conv_0_0(x)
        x10 = self.conv_1_0(x00)
        x20 = self.conv_2_0(x10)
        x30 = self.conv_3_0(x20)
        x40 = self.conv_4_0(x30)
        x01, x11, x21, x31 = (
            self.upcat_0_1(x10, x00),
            self.upcat_1_1(x20, x10),
            self.upcat_2_1(x30, x20),
            self.upcat_3_1(x40, x30),
        )
        x02 = self.upcat_0_2(x11, cat((x00, x01), 1))
        x12 = self.upcat_1_2(x21, cat((x10, x11), 1))
        x22 = self.upcat_2_2(x31, cat((x20, x21), 1))
        x03 = self.upcat_0_3(x12, cat((x00, x01, x02), 1))
        x13 = self.upcat_1_3(x22, cat((x10, x11, x12), 1))
        x04 = self.upcat_0_4(x13, cat((x00, x01, x02, x03), 1))
        last = self.final_conv_0_4(x04)
        if not self.deep_supervision:
            return [last]
        return [self.final_conv_0_1(x01), self.final_conv_0_2(x02), self.final_conv_0_3(x03), last]
