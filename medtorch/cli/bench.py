"""`medtorch bench`: how long a bundle's model takes here, as it is and compiled, in turns.

Requires  REQ-F-CLI-010
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

import medtorch
from medtorch.cli.exits import GOOD
from medtorch.cli.options import PATH, check_digest_options, digest_options
from medtorch.cli.terminal import result
from medtorch.core.tensor import Tensor
from medtorch.serialize import read_bundle
from medtorch.serve import load_bundle

WARM_UP = 3


@click.command()
@click.argument("path", type=PATH)
@digest_options
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Samples in one call.")
@click.option("--rounds", type=click.IntRange(3), default=30, show_default=True, help="Calls of each that are timed.")
@click.option("--threads", type=click.IntRange(1), help="Threads of the native kernels.")
def bench(path: Path, sha256: str | None, allow_unverified: bool, batch: int, rounds: int, threads: int | None) -> int:
    """Time the model of the bundle at PATH on its first recorded input, as it is and compiled.

    Calls take turns, so that whatever else the machine does meets both. Prints every sample: a ratio of the two means
    something on another machine, a time does not.
    """
    check_digest_options(sha256, allow_unverified)
    if threads is not None:
        medtorch.set_num_threads(threads)
    inputs = _inputs(path, sha256, allow_unverified, batch)
    started = time.perf_counter()
    loaded = load_bundle(path, sha256=sha256, allow_unverified=allow_unverified)
    load_seconds = time.perf_counter() - started
    started = time.perf_counter()
    compiled = medtorch.compile(loaded.model, *inputs)
    compile_seconds = time.perf_counter() - started
    with medtorch.no_grad():
        eager_s, compiled_s = _in_turn(lambda: loaded.model(*inputs), lambda: compiled(*inputs), rounds)
    result(
        {
            "bundle": loaded.path,
            "sha256": loaded.sha256,
            "inputs": [list(x.shape) for x in inputs],
            "cpu": medtorch.backend_info()["cpu"],
            "load_seconds": load_seconds,
            "compile_seconds": compile_seconds,
            "eager": _summary(eager_s),
            "compiled": _summary(compiled_s),
            "eager_over_compiled": float(np.median(np.divide(eager_s, compiled_s))),
        }
    )
    return GOOD


def _inputs(path: Path, sha256: str | None, allow_unverified: bool, batch: int) -> list[Tensor]:
    """The inputs of the first recorded case, as often as the batch is large."""
    case = read_bundle(path, sha256=sha256, allow_unverified=allow_unverified).golden[0]
    return [medtorch.cat([x[:1]] * batch) for x in case.inputs]


def _in_turn(one: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[list[float], list[float]]:
    calls = (one, other)
    for _ in range(WARM_UP):
        for call in calls:
            call()
    samples: tuple[list[float], list[float]] = ([], [])
    for nr in range(rounds):
        for which in (0, 1) if nr % 2 == 0 else (1, 0):
            started = time.perf_counter()
            calls[which]()
            samples[which].append(time.perf_counter() - started)
    return samples


def _summary(seconds: list[float]) -> dict[str, Any]:
    low, median, high = (float(v) for v in np.quantile(seconds, (0.25, 0.5, 0.75)))
    return {"median_seconds": median, "quartiles": [low, high], "samples": seconds}
