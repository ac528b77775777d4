"""A small bundle for tests: everything that a description can say is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import medtorch
from medtorch.serialize import (
    Architecture,
    Checkpoint,
    Description,
    GoldenCase,
    Input,
    Licence,
    Manifest,
    Origin,
    TensorEntry,
    Tolerance,
    write_bundle,
)
from medtorch.serialize.manifest import CaseEntry, FileEntry

LICENCE_TEXT = b"Permission is hereby granted, free of charge, ..."


def description(**changes: Any) -> Description:
    fields: dict[str, Any] = {
        "name": "tiny-classifier",
        "version": "1.2.0-rc.1",
        "task": "classification",
        "architecture": Architecture("scale", {"features": 2, "sizes": [3, 3], "bias": None}),
        "inputs": (
            Input(
                "image", "NCHW", (None, 1, 2, 2), "float32", (0.0, 1.0), ("grey",), "CR", (0.5, None), "a radiograph"
            ),
        ),
        "preprocessing": ({"op": "resize", "size": [2, 2], "interpolation": "bilinear"}, {"op": "to_float"}),
        "labels": ("healthy", "krank \u2713"),
        "postprocessing": ({"op": "softmax"},),
        "origin": Origin(
            "trained by others", Checkpoint("model.pth", "ab" * 32, "state_dict", "module."), "https://x", "y"
        ),
        "intended_use": "Tests only.",
        "licence": Licence("MIT", "the authors", "LICENSE.txt"),
    }
    return Description(**{**fields, **changes})


def weights() -> dict[str, Any]:
    return {"scale": medtorch.tensor([2.0, 3.0]), "steps": medtorch.tensor(7)}


def model(x: Any) -> Any:
    """Doubled and tripled mean."""
    mean = x.mean(dim=(1, 2, 3)).reshape(-1, 1)
    return mean * medtorch.tensor([[2.0, 3.0]])


def golden() -> list[GoldenCase]:
    found = []
    for name, value in (("ones", 1.0), ("halves", 0.5)):
        x = medtorch.full((2, 1, 2, 2), value)
        found.append(GoldenCase(name, (x,), (medtorch.tensor([[2 * value, 3 * value]] * 2),)))
    return found


def save(path: Path, **changes: Any) -> str:
    """Write the small bundle; changes replace arguments of write_bundle."""
    arguments: dict[str, Any] = {
        "description": description(),
        "weights": weights(),
        "golden": golden(),
        "files": {"LICENSE.txt": LICENCE_TEXT},
    }
    return write_bundle(path, **{**arguments, **changes})


def manifest() -> Manifest:
    return Manifest(
        description=description(),
        written_by="medtorch 0",
        weights={"scale": TensorEntry("float32", (2,), "01" * 32), "steps": TensorEntry("int64", (), "23" * 32)},
        golden={"in": TensorEntry("float32", (1, 2), "45" * 32), "out": TensorEntry("bfloat16", (0, 4), "67" * 32)},
        cases=(CaseEntry("one", ("in",), ("out",)),),
        tolerance=Tolerance(1e-3, 0.0),
        files={
            name: FileEntry("89" * 32, size)
            for name, size in (("weights.safetensors", 10), ("golden.safetensors", 20), ("LICENSE.txt", 0))
        },
    )
