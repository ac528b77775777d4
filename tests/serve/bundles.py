"""Small bundles of each task that tests make for themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import medtorch
from medtorch.models import get_model
from medtorch.serialize import Input, Licence, Origin
from medtorch.serve import save_bundle

CHEST = Path(__file__).resolve().parents[2] / "examples" / "chest_xray"
LABELS = ("NORMAL", "PNEUMONIA BACTERIA", "PNEUMONIA VIRAL")
LENET_STEPS = [
    {"op": "to_rgb"}, {"op": "resize", "size": [32, 32]}, {"op": "grayscale"}, {"op": "to_float"},
    {"op": "normalize", "mean": [0.5], "std": [0.5]},
]  # fmt: skip
COMMON: dict[str, Any] = {
    "version": "1.0",
    "origin": Origin("made by a test", None),
    "intended_use": "tests",
    "licence": Licence("Apache-2.0"),
}


def classifier(path: Path, **changes: Any) -> str:
    """A LeNet with fresh weights; returns the digest."""
    medtorch.manual_seed(1)
    return save_bundle(path, **{**classifier_arguments(), **changes})


def classifier_arguments() -> dict[str, Any]:
    return {
        **COMMON,
        "model": get_model("lenet", num_classes=3),
        "architecture": "lenet",
        "arguments": {"num_classes": 3},
        "name": "small-classifier",
        "task": "classification",
        "inputs": [Input("image", "NCHW", (None, 1, 32, 32), value_range=(-1.0, 1.0))],
        "preprocessing": LENET_STEPS,
        "labels": LABELS,
        "postprocessing": [{"op": "softmax"}, {"op": "argmax"}],
        "golden_inputs": {"random": medtorch.rand(1, 1, 32, 32, generator=medtorch.Generator().manual_seed(2)) * 2 - 1},
    }


def segmenter(path: Path, **changes: Any) -> str:
    """A small U-Net with fresh weights, two labels, one score a pixel; returns the digest."""
    medtorch.manual_seed(3)
    return save_bundle(path, **{**segmenter_arguments(), **changes})


def segmenter_arguments() -> dict[str, Any]:
    return {
        **COMMON,
        "model": get_model("unet", num_classes=1, in_channels=1, widths=[4, 8]),
        "architecture": "unet",
        "arguments": {"num_classes": 1, "in_channels": 1, "widths": [4, 8]},
        "name": "small-segmenter",
        "task": "segmentation",
        "inputs": [Input("image", "NCHW", (None, 1, None, None))],
        "preprocessing": [{"op": "grayscale"}, {"op": "to_float"}, {"op": "pad_to_multiple", "multiple": 2}],
        "labels": ("background", "nucleus"),
        "postprocessing": [{"op": "sigmoid"}, {"op": "threshold", "value": 0.5}],
        "golden_inputs": {"random": medtorch.rand(1, 1, 8, 12, generator=medtorch.Generator().manual_seed(4))},
    }
