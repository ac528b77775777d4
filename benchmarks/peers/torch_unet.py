"""The U-Net of the benchmarks as PyTorch modules, under the names that medtorch's has."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


class UNet(nn.Module):
    """Levels of two convolutions each, at half the size of the one before; back up with transposed convolutions."""

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 1,
        widths: Sequence[int] = (16, 32),
        norm: str = "batch",
        activation: str = "relu",
        dims: int = 2,
    ) -> None:
        super().__init__()
        kinds = _Kinds(dims, norm, activation)
        pairs = list(itertools.pairwise(widths))
        self.first = kinds.double(in_channels, widths[0])
        self.down = nn.ModuleList(nn.ModuleDict({"pool": kinds.pool(2), "conv": kinds.double(a, b)}) for a, b in pairs)
        self.up = nn.ModuleList(
            nn.ModuleDict({"up": kinds.up(b, a, 2, stride=2), "conv": kinds.double(2 * a, a)})
            for a, b in reversed(pairs)
        )
        self.head = kinds.conv(widths[0], num_classes, 1)

    def forward(self, x: Any) -> Any:
        levels = [self.first(x)]
        for step in self.down:
            levels.append(step["conv"](step["pool"](levels[-1])))
        x = levels.pop()
        for step in self.up:
            x = step["conv"](torch.cat((levels.pop(), step["up"](x)), 1))
        return self.head(x)


class _Kinds:
    def __init__(self, dims: int, norm: str, activation: str) -> None:
        self.conv, self.up, self.pool, batch, instance = {
            2: (nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d, nn.BatchNorm2d, nn.InstanceNorm2d),
            3: (nn.Conv3d, nn.ConvTranspose3d, nn.MaxPool3d, nn.BatchNorm3d, nn.InstanceNorm3d),
        }[dims]
        self.norm = {"batch": batch, "instance": lambda width: instance(width, affine=True)}[norm]
        self.activation = {"relu": nn.ReLU, "leaky_relu": lambda inplace: nn.LeakyReLU(0.01, inplace)}[activation]

    def double(self, inputs: int, outputs: int) -> Any:
        return nn.Sequential(*self.single(inputs, outputs), *self.single(outputs, outputs))

    def single(self, inputs: int, outputs: int) -> list[Any]:
        return [
            self.conv(inputs, outputs, 3, padding=1, bias=False), self.norm(outputs), self.activation(inplace=True),
        ]  # fmt: skip
