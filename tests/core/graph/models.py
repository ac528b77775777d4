"""Models with numbers of their own everywhere: batch norms that scale and shift, so that folding them is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.models import get_model, list_models

# Inputs as small as the architectures allow; a model of the registry that is not named here takes the last line's.
_SMALL: dict[str, tuple[int, ...]] = {
    **{f"cifar_resnet{n}": (2, 3, 16, 16) for n in (20, 32, 44, 56, 110)},
    **{f"resnet{n}": (1, 3, 32, 32) for n in (18, 34, 50, 101, 152)},
    "espnet": (1, 3, 32, 64),
    "espnet_encoder": (1, 3, 32, 64),
    "inception_v3": (1, 3, 80, 80),
    "lenet": (2, 1, 32, 32),
    "meshnet": (1, 1, 6, 6, 6),
    "pnet": (1, 3, 24, 24),
    "tinyvgg": (1, 3, 64, 64),
    "unet": (2, 1, 32, 32),
    "wnet": (1, 3, 32, 32),
}
INPUTS = {name: _SMALL.get(name, (1, 3, 64, 64)) for name in list_models()}
QUICK = {"cifar_resnet20", "resnet18", "espnet", "lenet", "meshnet", "pnet", "tinyvgg", "unet", "wnet"}
NAMES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in INPUTS]


def lively(model: Any, seed: int = 0) -> Any:
    """`model` in evaluation mode, its running means and variances as after training."""
    rng = np.random.default_rng(seed)
    for name, buffer in model.named_buffers():
        if name.endswith("running_var"):
            buffer.copy_(tensor(rng.uniform(0.5, 1.5, buffer.shape)))
        elif name.endswith("running_mean"):
            buffer.copy_(tensor(rng.normal(0, 0.1, buffer.shape)))
    return model.eval()


def zoo(name: str) -> Any:
    medtorch.manual_seed(1)
    return lively(get_model(name))


def tensor(numbers: Any) -> Any:
    return medtorch.from_numpy(np.asarray(numbers, np.float32))


def image(shape: tuple[int, ...], seed: int = 0) -> Any:
    return tensor(np.random.default_rng(seed).standard_normal(shape))


def eager(model: Any, *inputs: Any) -> Any:
    with medtorch.no_grad():
        return model(*inputs)


def gap(found: Any, wanted: Any) -> float:
    """The largest difference over the largest number."""
    a, b = found.numpy().astype(np.float64), wanted.numpy().astype(np.float64)
    return float(np.abs(a - b).max() / np.abs(b).max())
