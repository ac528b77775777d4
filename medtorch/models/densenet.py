"""DenseNet under torchvision's keys.

Source    Huang et al., Densely connected convolutional networks, CVPR 2017, table 1
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat, flatten
from medtorch.core.tensor import Tensor
from medtorch.errors import UnsupportedError
from medtorch.models.blocks import rename_entries
from medtorch.nn import functional as F


class DenseLayer(nn.Module):
    """Norm, ReLU, 1x1 convolution; norm, ReLU, 3x3 convolution; on all that came before, side by side.

    The keys of torchvision's published weights, with a dot before the number, are read too.
    """

    def __init__(self, num_input_features: int, growth_rate: int, bn_size: int, drop_rate: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)

    def forward(self, seen: Sequence[Tensor]) -> Tensor:
        narrow = self.conv1(self.relu1(self.norm1(cat(list(seen), 1))))
        new: Tensor = self.conv2(self.relu2(self.norm2(narrow)))
        return F.dropout(new, self.drop_rate, self.training) if self.drop_rate > 0 else new

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *args: Any) -> None:
        rename_entries(state_dict, prefix, {f"{kind}.{i}": f"{kind}{i}" for kind in ("norm", "conv") for i in (1, 2)})
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class DenseBlock(nn.ModuleDict):
    """Layers that each see the block's input and all earlier layers; gives everything side by side."""

    def __init__(
        self, num_layers: int, num_input_features: int, bn_size: int, growth_rate: int, drop_rate: float
    ) -> None:
        super().__init__(
            {
                f"denselayer{i + 1}": DenseLayer(num_input_features + i * growth_rate, growth_rate, bn_size, drop_rate)
                for i in range(num_layers)
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for layer in self.values():
            seen.append(layer(seen))
        return cat(seen, 1)


class Transition(nn.Sequential):
    """Norm, ReLU, 1x1 convolution, half the size."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__(
            OrderedDict(
                norm=nn.BatchNorm2d(num_input_features),
                relu=nn.ReLU(inplace=True),
                conv=nn.Conv2d(num_input_features, num_output_features, 1, bias=False),
                pool=nn.AvgPool2d(2, 2),
            )
        )


class DenseNet(nn.Module):
    """Shapes    (n, 3, h, w), h and w at least 32 -> (n, num_classes)"""

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        if memory_efficient:
            raise UnsupportedError("DenseNet: memory_efficient=True (layers computed again on the way back)")
        made: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(3, num_init_features, 7, 2, 3, bias=False),
            norm0=nn.BatchNorm2d(num_init_features),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(3, 2, 1),
        )
        width = num_init_features
        for i, layers in enumerate(block_config, start=1):
            made[f"denseblock{i}"] = DenseBlock(layers, width, bn_size, growth_rate, drop_rate)
            width += layers * growth_rate
            if i < len(block_config):
                made[f"transition{i}"] = Transition(width, width // 2)
                width //= 2
        made["norm5"] = nn.BatchNorm2d(width)
        self.features = nn.Sequential(made)
        self.classifier = nn.Linear(width, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight)
            elif isinstance(m, nn.Linear) and m.bias is not None:
                nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        seen = F.relu(self.features(x), inplace=True)
        return self.classifier(flatten(F.adaptive_avg_pool2d(seen, (1, 1)), 1))  # type: ignore[no-any-return]


def densenet121(**config: Any) -> DenseNet:
    """121 layers."""
    return DenseNet(32, (6, 12, 24, 16), 64, **config)


def densenet161(**config: Any) -> DenseNet:
    """161 layers, wider."""
    return DenseNet(48, (6, 12, 36, 24), 96, **config)


def densenet169(**config: Any) -> DenseNet:
    """169 layers."""
    return DenseNet(32, (6, 12, 32, 32), 64, **config)


def densenet201(**config: Any) -> DenseNet:
    """201 layers."""
    return DenseNet(32, (6, 12, 48, 32), 64, **config)
