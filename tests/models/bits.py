"""Digests of models' answers: `python -m tests.models.bits lenet unet` prints them for the kernels in force."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import medtorch
from medtorch.core.algorithms import ALGORITHMS
from tests.core.graph.models import INPUTS, eager, image, leaves, zoo
from tests.core.ops.bits import digest
from tests.models.decoders.test_networks import CASES as DECODERS
from tests.models.medical.test_networks import CASES as MEDICAL
from tests.models.zoo import built

BATCHES = ((2, 0), (2, 1), (5, 3), (8, 7))
# Networks that need a configuration: those of the tests of their rooms.
CONFIGURED = {case.id: case for case in (*MEDICAL, *DECODERS) if not case.train}


def subject(name: str) -> tuple[Any, Any]:
    """A model with an input: of an architecture that its name alone describes, or of a case."""
    if name in INPUTS:
        return zoo(name), image(INPUTS[name])
    case = CONFIGURED[name]
    return built(case, medtorch.float32), image(case.shape)


def answers(run: Callable[..., Any], *inputs: Any) -> list[np.ndarray]:
    """Every output of a model or of what it was compiled to."""
    return [leaf.numpy() for leaf in leaves(eager(run, *inputs))]


def ways(model: Any, x: Any) -> dict[str, Callable[..., Any]]:
    """A model eager, compiled without rewrites, and compiled under each choice of algorithms."""
    found = {"eager": model, "unfolded": medtorch.compile(model, x, rewrites="none")}
    return found | {algorithms: medtorch.compile(model, x, algorithms=algorithms) for algorithms in ALGORITHMS}


def digests(runs: dict[str, Callable[..., Any]], x: Any) -> dict[str, str]:
    return {way: digest(answers(run, x)) for way, run in runs.items()}


def model_digests(name: str) -> dict[str, str]:
    """Those of every way of one model."""
    model, x = subject(name)
    return digests(ways(model, x), x)


def batch(x: Any, size: int, place: int) -> Any:
    """`size` other samples, with `x` at one place among them."""
    others = image((size, *x.shape[1:]), seed=size).numpy().copy()
    others[place] = x.numpy()[0]
    return medtorch.from_numpy(others)


if __name__ == "__main__":
    json.dump({name: model_digests(name) for name in sys.argv[1:]}, sys.stdout, indent=0)
