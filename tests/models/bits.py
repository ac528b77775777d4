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

BATCHES = ((2, 0), (2, 1), (5, 3), (8, 7))


def answers(run: Callable[..., Any], *inputs: Any) -> list[np.ndarray]:
    """Every output of a model or of what it was compiled to."""
    return [leaf.numpy() for leaf in leaves(eager(run, *inputs))]


def model_digests(name: str) -> dict[str, str]:
    """A model eager, compiled without rewrites, and compiled under each choice of algorithms."""
    model, x = zoo(name), image(INPUTS[name])
    found = {"eager": model, "unfolded": medtorch.compile(model, x, rewrites="none")}
    found |= {algorithms: medtorch.compile(model, x, algorithms=algorithms) for algorithms in ALGORITHMS}
    return {way: digest(answers(run, x)) for way, run in found.items()}


def batch(x: Any, size: int, place: int) -> Any:
    """`size` other samples, with `x` at one place among them."""
    others = image((size, *x.shape[1:]), seed=size).numpy().copy()
    others[place] = x.numpy()[0]
    return medtorch.from_numpy(others)


if __name__ == "__main__":
    json.dump({name: model_digests(name) for name in sys.argv[1:]}, sys.stdout, indent=0)
