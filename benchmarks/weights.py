"""Numbers for a model and its input: the same for every candidate, from the names and shapes of the state alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workloads import Workload

WEIGHTS, INPUT = "weights.npz", "input.npz"


def write(workload: Workload, folder: Path) -> None:
    """Put weights and input of a workload into its folder."""
    from medtorch import nn  # noqa: PLC0415  the parent starts without it
    from medtorch.models import get_model  # noqa: PLC0415

    with nn.init.skip_init():
        state = get_model(workload.model, **workload.config).state_dict()
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / WEIGHTS, **filled(state))
    np.savez(folder / INPUT, x=picture(workload.shape), target=target(workload))


def filled(state: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """An array for each entry; scales and variances near one, weights such that signals neither die out nor explode."""
    return {key: _numbers(position, key, entry) for position, (key, entry) in enumerate(state.items())}


def _numbers(position: int, key: str, entry: Any) -> np.ndarray:
    shape = tuple(entry.shape)
    if "float" not in str(entry.dtype):
        return np.zeros(shape, np.int64)
    rng = np.random.default_rng(position)
    if key.endswith("running_var"):
        found = rng.uniform(0.7, 1.3, shape)
    elif len(shape) > 1:
        found = rng.standard_normal(shape) * math.sqrt(1.5 / math.prod(shape[1:]))
    else:
        found = rng.uniform(-0.1, 0.1, shape) + key.endswith("weight")
    return found.astype(np.float32)


def picture(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(1234).standard_normal(shape).astype(np.float32)


def target(workload: Workload) -> np.ndarray:
    """What a training step aims at: a class an image, or a class a pixel for models that segment."""
    rng = np.random.default_rng(99)
    batch, _, *spatial = workload.shape
    if workload.model == "unet":
        classes = workload.config.get("num_classes", 1)
        return rng.integers(0, classes, (batch, *spatial))
    return rng.integers(0, 1000, batch)
