"""A residual encoder and a light decoder, and the same with a variational branch, under MONAI's keys.

Source    Myronenko, 3D MRI brain tumor segmentation using autoencoder regularization, BrainLes 2018; semantics of
          monai.networks.nets.SegResNet, SegResNetVAE
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from medtorch import nn
from medtorch.core.ops.elementwise import log
from medtorch.core.random import randn_like
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.medical.convolution import Convolution
from medtorch.models.medical.layers import Described, activation, check_dims, dropout
from medtorch.models.medical.layers import norm as norm_layer
from medtorch.models.medical.upsample import UpSample
from medtorch.nn import functional as F

RELU = ("RELU", {"inplace": True})
GROUP = ("GROUP", {"num_groups": 8})


def _conv(dims: int, inp: int, out: int, kernel_size: int = 3, stride: int = 1, bias: bool = False) -> Convolution:
    return Convolution(dims, inp, out, strides=stride, kernel_size=kernel_size, bias=bias, conv_only=True)


def _larger(dims: int, channels: int, mode: str) -> UpSample:
    return UpSample(dims, channels, channels, mode=mode, align_corners=False)


class ResBlock(nn.Module):
    """Twice norm, activation, convolution, beside a shortcut. Raises ArgumentError for an even kernel."""

    def __init__(
        self, spatial_dims: int, in_channels: int, norm: Described, kernel_size: int = 3, act: Described = RELU
    ) -> None:
        super().__init__()
        if kernel_size % 2 != 1:
            raise ArgumentError(f"SegResNet: kernel_size must be odd, got {kernel_size}")
        self.norm1 = norm_layer(norm, spatial_dims, in_channels)
        self.norm2 = norm_layer(norm, spatial_dims, in_channels)
        self.act = activation(act)
        self.conv1 = _conv(spatial_dims, in_channels, in_channels, kernel_size)
        self.conv2 = _conv(spatial_dims, in_channels, in_channels, kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv1(self.act(self.norm1(x)))
        return self.conv2(self.act(self.norm2(inner))) + x  # type: ignore[no-any-return]


class SegResNet(nn.Module):
    """Widths double from level to level, `init_filters` at full size; blocks of each level are told.

    Shapes    (n, in_channels, *sizes), sizes multiples of 2^(levels - 1) -> logits (n, out_channels, *sizes); without
              `use_conv_final` the last features
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        init_filters: int = 8,
        in_channels: int = 1,
        out_channels: int = 2,
        dropout_prob: float | None = None,
        act: Described = RELU,
        norm: Described = GROUP,
        norm_name: str = "",
        num_groups: int = 8,
        use_conv_final: bool = True,
        blocks_down: Sequence[int] = (1, 2, 2, 4),
        blocks_up: Sequence[int] = (1, 1, 1),
        upsample_mode: str = "nontrainable",
    ) -> None:
        super().__init__()
        check_dims(spatial_dims, (2, 3))
        if norm_name and norm_name.lower() != "group":
            raise ArgumentError(f"SegResNet: norm_name can only be 'group', got {norm_name!r}; say `norm`")
        self.spatial_dims, self.init_filters = spatial_dims, init_filters
        self.blocks_down, self.blocks_up = tuple(blocks_down), tuple(blocks_up)
        if len(self.blocks_up) >= len(self.blocks_down):
            raise ArgumentError(
                f"SegResNet: {len(self.blocks_down)} levels have {len(self.blocks_down) - 1} ways up, got blocks_up "
                f"{self.blocks_up}"
            )
        self.act, self.norm = act, ("group", {"num_groups": num_groups}) if norm_name else norm
        self.upsample_mode, self.use_conv_final = upsample_mode, use_conv_final
        self.act_mod = activation(act)
        self.convInit = _conv(spatial_dims, in_channels, init_filters)
        self.down_layers = nn.ModuleList(self._down(i) for i in range(len(self.blocks_down)))
        ways = [init_filters * 2**i for i in range(len(self.blocks_up), 0, -1)]
        self.up_layers = nn.ModuleList(self._blocks(w // 2, n) for w, n in zip(ways, self.blocks_up, strict=True))
        self.up_samples = nn.ModuleList(
            nn.Sequential(_conv(spatial_dims, w, w // 2, 1), _larger(spatial_dims, w // 2, upsample_mode)) for w in ways
        )
        self.conv_final = self._final(out_channels)
        self.dropout_prob = dropout_prob
        if dropout_prob is not None:
            self.dropout = dropout(dropout_prob, spatial_dims)

    def _down(self, level: int) -> nn.Sequential:
        width = self.init_filters * 2**level
        first = _conv(self.spatial_dims, width // 2, width, stride=2) if level else nn.Identity()
        return nn.Sequential(first, *self._blocks(width, self.blocks_down[level]))

    def _blocks(self, width: int, number: int) -> nn.Sequential:
        return nn.Sequential(*(ResBlock(self.spatial_dims, width, self.norm, act=self.act) for _ in range(number)))

    def _final(self, out_channels: int) -> nn.Sequential:
        first = norm_layer(self.norm, self.spatial_dims, self.init_filters)
        return nn.Sequential(
            first, self.act_mod, _conv(self.spatial_dims, self.init_filters, out_channels, 1, bias=True)
        )

    def encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The deepest features, and those of all levels from the first."""
        x = self.convInit(x)
        if self.dropout_prob is not None:
            x = self.dropout(x)
        kept = []
        for down in self.down_layers:
            x = down(x)
            kept.append(x)
        return x, kept

    def decode(self, x: Tensor, kept: Sequence[Tensor]) -> Tensor:
        """Scores, of the deepest features and those of all levels from the deepest."""
        for i, (larger, blocks) in enumerate(zip(self.up_samples, self.up_layers, strict=True)):
            x = blocks(larger(x) + kept[i + 1])
        return self.conv_final(x) if self.use_conv_final else x

    def forward(self, x: Tensor) -> Tensor:
        x, kept = self.encode(x)
        return self.decode(x, kept[::-1])


class SegResNetVAE(SegResNet):
    """SegResNet with a branch that, while training, makes the image again from a few random numbers.

    Shapes    (n, in_channels, *input_image_size) -> logits and the branch's loss, None in evaluation
    Math      loss = mean (image - made)^2 + mean mu^2; with `vae_estimate_std` the second is half of
              mean(mu^2 + sigma^2 - log sigma^2 - 1)
    """

    def __init__(
        self,
        input_image_size: Sequence[int],
        vae_estimate_std: bool = False,
        vae_default_std: float = 0.3,
        vae_nz: int = 256,
        spatial_dims: int = 3,
        init_filters: int = 8,
        in_channels: int = 1,
        out_channels: int = 2,
        dropout_prob: float | None = None,
        act: Described = RELU,
        norm: Described = GROUP,
        use_conv_final: bool = True,
        blocks_down: Sequence[int] = (1, 2, 2, 4),
        blocks_up: Sequence[int] = (1, 1, 1),
        upsample_mode: str = "nontrainable",
    ) -> None:
        super().__init__(
            spatial_dims,
            init_filters,
            in_channels,
            out_channels,
            dropout_prob,
            act,
            norm,
            use_conv_final=use_conv_final,
            blocks_down=blocks_down,
            blocks_up=blocks_up,
            upsample_mode=upsample_mode,
        )
        self.vae_estimate_std, self.vae_default_std = vae_estimate_std, vae_default_std
        self.smallest_filters = 16
        zoom = 2 ** (len(self.blocks_down) - 1)
        self.fc_insize = tuple(size // (2 * zoom) for size in input_image_size)
        self._make_branch(init_filters * zoom, vae_nz)
        self.vae_conv_final = self._final(in_channels)

    def _make_branch(self, width: int, numbers: int) -> None:
        dims, few = self.spatial_dims, self.smallest_filters
        self.vae_down = nn.Sequential(
            norm_layer(self.norm, dims, width),
            self.act_mod,
            _conv(dims, width, few, stride=2, bias=True),
            norm_layer(self.norm, dims, few),
            self.act_mod,
        )
        total = few * math.prod(self.fc_insize)
        self.vae_fc1 = nn.Linear(total, numbers)
        self.vae_fc2 = nn.Linear(total, numbers)
        self.vae_fc3 = nn.Linear(numbers, total)
        self.vae_fc_up_sample = nn.Sequential(
            _conv(dims, few, width, 1),
            _larger(dims, width, self.upsample_mode),
            norm_layer(self.norm, dims, width),
            self.act_mod,
        )

    def _branch_loss(self, image: Tensor, deepest: Tensor) -> Tensor:
        flat = self.vae_down(deepest).reshape(-1, self.vae_fc1.in_features)
        mean = self.vae_fc1(flat)
        drawn = randn_like(mean)
        if self.vae_estimate_std:
            deviation = F.softplus(self.vae_fc2(flat))
            variance = deviation**2
            spread_loss = 0.5 * (mean**2 + variance - log(1e-8 + variance) - 1).mean()
            x = mean + deviation * drawn
        else:
            spread_loss = (mean**2).mean()
            x = mean + self.vae_default_std * drawn
        x = self.act_mod(self.vae_fc3(x)).reshape(-1, self.smallest_filters, *self.fc_insize)
        x = self.vae_fc_up_sample(x)
        for larger, blocks in zip(self.up_samples, self.up_layers, strict=True):
            x = blocks(larger(x))
        return spread_loss + F.mse_loss(image, self.vae_conv_final(x))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:  # type: ignore[override]  # as MONAI's
        deepest, kept = self.encode(x)
        scores = self.decode(deepest, kept[::-1])
        return scores, self._branch_loss(x, deepest) if self.training else None
