"""MNASNet-B1 under torchvision's keys.

Source    Tan et al., MnasNet: platform-aware neural architecture search for mobile, CVPR 2019, figure 7, no excitation
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from typing import Any

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import make_divisible

_MOMENTUM = 1 - 0.9997  # of norms, where the paper counts what is kept
# kernel, stride of the first, expansion, repeats
_STACKS = ((3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1))


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow without activation; beside a shortcut where shapes allow it."""

    def __init__(
        self, in_ch: int, out_ch: int, kernel_size: int, stride: int, expansion_factor: int, bn_momentum: float = 0.1
    ) -> None:
        super().__init__()
        if stride not in (1, 2) or kernel_size not in (3, 5):
            raise ArgumentError(
                f"InvertedResidual: stride must be 1 or 2 and kernel_size 3 or 5, got {stride} and {kernel_size}"
            )
        wide = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            *(nn.Conv2d(in_ch, wide, 1, bias=False), _norm(wide, bn_momentum), nn.ReLU(inplace=True)),
            nn.Conv2d(wide, wide, kernel_size, stride, kernel_size // 2, groups=wide, bias=False),
            *(_norm(wide, bn_momentum), nn.ReLU(inplace=True)),
            *(nn.Conv2d(wide, out_ch, 1, bias=False), _norm(out_ch, bn_momentum)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + x if self.apply_residual else self.layers(x)  # type: ignore[no-any-return]


def _norm(channels: int, momentum: float = _MOMENTUM) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, momentum=momentum)


class MNASNet(nn.Module):
    """Shapes    (n, 3, h, w) -> (n, num_classes)"""

    _version = 2  # of the keys: what torchvision writes

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0:
            raise ArgumentError(f"MNASNet: alpha must be positive, got {alpha}")
        self.alpha, self.num_classes = alpha, num_classes
        first, before, *widths = (make_divisible(alpha * c, 8) for c in (32, 16, 24, 40, 80, 96, 192, 320))
        made: list[nn.Module] = [
            *(nn.Conv2d(3, first, 3, 2, 1, bias=False), _norm(first), nn.ReLU(inplace=True)),
            *(nn.Conv2d(first, first, 3, 1, 1, groups=first, bias=False), _norm(first), nn.ReLU(inplace=True)),
            *(nn.Conv2d(first, before, 1, bias=False), _norm(before)),
        ]
        for width, (kernel, stride, expansion, repeats) in zip(widths, _STACKS, strict=True):
            made.append(
                nn.Sequential(
                    InvertedResidual(before, width, kernel, stride, expansion, _MOMENTUM),
                    *(InvertedResidual(width, width, kernel, 1, expansion, _MOMENTUM) for _ in range(repeats - 1)),
                )
            )
            before = width
        made += [nn.Conv2d(before, 1280, 1, bias=False), _norm(1280), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*made)
        self.classifier = nn.Sequential(nn.Dropout(dropout, inplace=True), nn.Linear(1280, num_classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, nn.Linear):
                nn.init.kaiming_uniform_(m.weight, mode="fan_out", nonlinearity="sigmoid")
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.layers(x).mean((2, 3)))  # type: ignore[no-any-return]


def mnasnet0_5(**config: Any) -> MNASNet:
    """Half the width."""
    return MNASNet(0.5, **config)


def mnasnet0_75(**config: Any) -> MNASNet:
    """Three quarters of the width."""
    return MNASNet(0.75, **config)


def mnasnet1_0(**config: Any) -> MNASNet:
    """The paper's width."""
    return MNASNet(1.0, **config)


def mnasnet1_3(**config: Any) -> MNASNet:
    """1.3 times the width."""
    return MNASNet(1.3, **config)
