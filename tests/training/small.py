"""A small data set of drawn discs, and descriptions of trainings on it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np

from medtorch.cli.pictures import write_png

SEGMENTATION: dict[str, Any] = {
    "name": "discs",
    "task": "segmentation",
    "seed": 5,
    "data": {
        "table": "cases.csv",
        "image": "images/{case}.png",
        "mask": "masks/{case}.png",
        "mask_values": "foreground",
        "hold_out": {"column": "split", "value": "held_out"},
    },
    "labels": ["background", "disc"],
    "preprocessing": [{"op": "to_float"}],
    "postprocessing": [{"op": "sigmoid"}, {"op": "threshold", "value": 0.5}],
    "augmentation": {
        "image": [{"op": "gaussian_noise", "std": 0.05}],
        "prepared": [{"op": "random_crop", "size": [16, 16]}, {"op": "random_flip"}],
    },
    "model": {"name": "unet", "arguments": {"num_classes": 1, "in_channels": 1, "widths": [4, 8], "dropout": 0.1}},
    "loss": [{"name": "bce"}, {"name": "dice", "weight": 0.5, "arguments": {"batch": True}}],
    "optimizer": {"name": "adamw", "arguments": {"lr": 0.01}},
    "scheduler": {"name": "one_cycle", "arguments": {"max_lr": 0.02}},
    "training": {"epochs": 3, "batch_size": 2, "samples_per_case": 2, "clip_grad_norm": 1.0},
    "best": {"measure": "dice"},
    "plot": False,
}

CLASSIFICATION: dict[str, Any] = {
    "name": "discs-or-not",
    "task": "classification",
    "seed": 5,
    "data": {
        "table": "cases.csv",
        "image": "images/{case}.png",
        "label": "{kind}",
        "hold_out": {"fraction": 0.34, "seed": 1, "stratify": "kind"},
    },
    "labels": ["empty", "disc"],
    "preprocessing": [{"op": "resize", "size": [32, 32]}, {"op": "to_float"}],
    "postprocessing": [{"op": "softmax"}, {"op": "argmax"}],
    "augmentation": {"image": [{"op": "random_flip"}]},
    "model": {"name": "lenet", "arguments": {"num_classes": 2}},
    "loss": [{"name": "cross_entropy", "arguments": {"weight": [1.0, 2.0], "label_smoothing": 0.05}}],
    "optimizer": {"name": "sgd", "arguments": {"lr": 0.05, "momentum": 0.9}},
    "scheduler": {"name": "multi_step", "arguments": {"milestones": [2], "gamma": 0.5}},
    "training": {"epochs": 3, "batch_size": 3},
    "best": {"measure": "accuracy"},
    "plot": False,
}

BUNDLE: dict[str, Any] = {
    "name": "disc-finder",
    "version": "1.0",
    "input": {"axes": "NCHW", "shape": [None, 1, None, None]},
    "golden": ["images/c0.png"],
    "origin": {"description": "trained by a test"},
    "intended_use": "tests",
    "licence": {"spdx": "Apache-2.0"},
}


def described(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy of a description with other values; keys with double underscores go deeper."""
    made = copy.deepcopy(base)
    for path, value in changes.items():
        *parents, last = path.split("__")
        part = made
        for name in parents:
            part = part[name]
        part[last] = value
    return made


def write_discs(folder: Path, cases: int = 6, side: int = 24) -> Path:
    """Grey images, every other one with a bright disc; the last two are held out."""
    rng = np.random.Generator(np.random.PCG64(9))
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows = ["case,kind,split"]
    y, x = np.mgrid[:side, :side]
    for case in range(cases):
        centre, inside = rng.uniform(8, 16, 2), case % 2 == 0
        mask = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 30) & inside
        image = np.clip(rng.normal(60, 10, (side, side)) + 120 * mask, 0, 255).astype(np.uint8)
        write_png(folder / "images" / f"c{case}.png", image)
        write_png(folder / "masks" / f"c{case}.png", mask.astype(np.uint8) * 7)
        rows.append(f"c{case},{'disc' if inside else 'empty'},{'held_out' if case >= cases - 2 else 'training'}")
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")
    return folder
