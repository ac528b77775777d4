"""What is measured: models with their inputs, and training steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNET = {"in_channels": 1, "num_classes": 2, "widths": (32, 64, 128, 256), "norm": "batch"}
NNUNET = {**UNET, "norm": "instance", "activation": "leaky_relu"}
UNET3D = {**NNUNET, "dims": 3, "widths": (16, 32, 64, 128)}


@dataclass(frozen=True)
class Workload:
    """One model on one input; `training` takes a step of stochastic gradient descent instead of a prediction."""

    name: str
    model: str
    shape: tuple[int, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    training: bool = False


def _classifiers(batch: int) -> list[Workload]:
    names = (
        "resnet18", "resnet50", "mobilenet_v3_large", "efficientnet_b0", "densenet121", "convnext_tiny", "vit_b_16",
    )  # fmt: skip
    return [Workload(f"{name} x{batch}", name, (batch, 3, 224, 224)) for name in names]


INFERENCE = (
    *_classifiers(1),
    *_classifiers(8),
    Workload("unet 256", "unet", (1, 1, 256, 256), UNET),
    Workload("unet 256 instance norm", "unet", (1, 1, 256, 256), NNUNET),
    Workload("deeplabv3_resnet50 320", "deeplabv3_resnet50", (1, 3, 320, 320), {"num_classes": 21}),
    Workload("unet3d 64", "unet", (1, 1, 64, 64, 64), UNET3D),
)
TRAINING = (
    Workload("train resnet18 x8", "resnet18", (8, 3, 224, 224), training=True),
    Workload("train unet 256 x2", "unet", (2, 1, 256, 256), UNET, training=True),
)
QUICK = (
    Workload("resnet18 64", "resnet18", (1, 3, 64, 64)),
    Workload("mobilenet_v3_large 64", "mobilenet_v3_large", (1, 3, 64, 64)),
    Workload("unet 64", "unet", (1, 1, 64, 64), UNET),
    Workload("train resnet18 64", "resnet18", (2, 3, 64, 64), training=True),
)
TINY = (
    Workload("tiny unet", "unet", (1, 1, 16, 16), {"widths": (4, 8), "num_classes": 2}),
    Workload("tiny train", "unet", (2, 1, 16, 16), {"widths": (4, 8), "num_classes": 2}, training=True),
)


def named(name: str) -> Workload:
    """The workload of that name.

    Raises    LookupError that lists the names
    """
    every = (*INFERENCE, *TRAINING, *QUICK, *TINY)
    for workload in every:
        if workload.name == name:
            return workload
    raise LookupError(f"no workload {name!r}; there are: {', '.join(w.name for w in every)}")
