"""Models with numbers of their own everywhere: batch norms that scale and shift, so that folding them is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.core.graph.structure import taken_apart
from medtorch.models import get_model, get_model_builder, list_models

# Inputs as small as the architectures allow.
_QUICK: dict[str, tuple[int, ...]] = {
    "cifar_resnet20": (2, 3, 16, 16),
    "espnet": (1, 3, 32, 64),
    "lenet": (2, 1, 32, 32),
    "meshnet": (1, 1, 6, 6, 6),
    "pnet": (1, 3, 24, 24),
    "resnet18": (1, 3, 32, 32),
    "tinyvgg": (1, 3, 64, 64),
    "unet": (2, 1, 32, 32),
    "wnet": (1, 3, 32, 32),
}
_SLOW: dict[str, tuple[int, ...]] = {
    "cifar_resnet110": (1, 3, 16, 16),
    "deeplabv3_mobilenet_v3_large": (1, 3, 64, 64),
    "deeplabv3_resnet50": (1, 3, 64, 64),
    "efficientnet_v2_s": (1, 3, 64, 64),
    "espnet_encoder": (1, 3, 32, 64),
    "fcn_resnet50": (1, 3, 64, 64),
    "inception_v3": (1, 3, 80, 80),
    "lraspp_mobilenet_v3_large": (1, 3, 64, 64),
    "maxvit_t": (1, 3, 224, 224),
    "mc3_18": (1, 3, 4, 32, 32),
    "mnasnet0_5": (1, 3, 64, 64),
    "mobilenet_v3_small": (1, 3, 64, 64),
    "r2plus1d_18": (1, 3, 4, 32, 32),
    "regnet_x_400mf": (1, 3, 64, 64),
    "regnet_y_400mf": (1, 3, 64, 64),
    "resnet152": (1, 3, 32, 32),
    "resnext50_32x4d": (1, 3, 32, 32),
    "squeezenet1_1": (1, 3, 64, 64),
    "swin_t": (1, 3, 64, 64),
    "swin_v2_t": (1, 3, 64, 64),
    "vgg11_bn": (1, 3, 32, 32),
    "vit_b_32": (1, 3, 224, 224),
}


def by_name_alone() -> list[str]:
    """The names of architectures in a file of their own; tests/models compiles those of rooms, with configurations."""
    return [name for name in list_models() if get_model_builder(name).__module__.count(".") == 2]


def _family(name: str) -> str:
    return str(get_model_builder(name).__module__)


def _inputs() -> dict[str, tuple[int, ...]]:
    """The models above, and the first of every architecture of the registry that none of them belongs to."""
    listed = by_name_alone()
    found = {name: shape for name, shape in {**_QUICK, **_SLOW}.items() if name in listed}
    known = {_family(name) for name in found}
    for name in listed:
        if _family(name) not in known:
            found[name] = (1, 3, 64, 64)
            known.add(_family(name))
    return found


# One or more of each architecture: the others differ in the number and width of their layers.
INPUTS = _inputs()
NAMES = [pytest.param(name, marks=() if name in _QUICK else pytest.mark.slow) for name in INPUTS]


def lively(model: Any, seed: int = 0) -> Any:
    """`model` in evaluation mode; running means and variances, and weights that start as zeros, as after training."""
    rng = np.random.default_rng(seed)
    with medtorch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight") and not parameter.any():
                parameter.copy_(tensor(rng.normal(0, 0.1, parameter.shape)))
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


def leaves(answer: Any) -> list[Any]:
    """Every tensor of an answer, however it is nested."""
    return taken_apart(answer, "an answer")[0]


def gap(found: Any, wanted: Any) -> float:
    """The largest difference over the largest number."""
    a, b = found.numpy().astype(np.float64), wanted.numpy().astype(np.float64)
    return float(np.abs(a - b).max() / np.abs(b).max())
