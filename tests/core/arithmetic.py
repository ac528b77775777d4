"""Answers that say by which arithmetic they were computed: `python -m tests.core.arithmetic` records them.

Weights and inputs are made by exact integer arithmetic, so nothing but the kernels can change a bit.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import medtorch
from medtorch import nn
from medtorch.core.algorithms import ALGORITHMS
from medtorch.core.arithmetic import REVISION
from medtorch.models import get_model
from tests.core.ops.bits import digest
from tests.models.zoo import filled, uniform

RECORDED = Path(__file__).with_name("recorded_arithmetic.json")
MODELS = {
    "lenet": (2, 1, 32, 32),
    "cifar_resnet20": (1, 3, 32, 32),
    "unet": (1, 1, 64, 64),
    "mobilenet_v3_small": (1, 3, 32, 32),
    "convnext_tiny": (1, 3, 32, 32),
    "espnet": (1, 3, 64, 64),  # dilated
    "segresnet": (1, 1, 16, 16, 16),
    "basic_unet": (1, 1, 32, 32, 32),
}


def found() -> dict[str, dict[str, str]]:
    """Digests of each model's answer and gradients, under each choice of algorithms (weights' since revision 6)."""
    digests = {}
    for algorithms in ALGORITHMS:
        with medtorch.cpu_algorithms(algorithms):
            digests[algorithms] = {name: _of(name, shape) for name, shape in MODELS.items()}
    return digests


def _of(name: str, shape: tuple[int, ...]) -> str:
    with nn.init.skip_init():
        model = get_model(name).eval()
    state = model.state_dict()
    arrays = filled(state)
    model.load_state_dict(
        {k: medtorch.tensor(arrays[k], dtype=v.dtype) if k in arrays else v for k, v in state.items()}
    )
    x = medtorch.tensor(uniform(99_999, shape), dtype=medtorch.float32).requires_grad_()
    y = model(x)
    (y * medtorch.tensor(uniform(90_000, tuple(y.shape)), dtype=medtorch.float32)).sum().backward()
    gradients = [p.grad.numpy() for p in model.parameters() if p.grad is not None]
    return digest([y.detach().numpy(), x.grad.numpy(), *gradients])


def recorded() -> dict[str, dict[str, dict[str, str]]]:
    return json.loads(RECORDED.read_text())


if __name__ == "__main__":
    known = recorded() if RECORDED.exists() else {}
    if str(REVISION) in known and "--again" not in sys.argv:
        raise SystemExit(f"revision {REVISION} is recorded: raise REVISION in medtorch/core/arithmetic.py first")
    RECORDED.write_text(json.dumps({**known, str(REVISION): found()}, indent=1) + "\n")
