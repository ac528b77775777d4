"""Every architecture has the same bits on every kernel set, for any number of threads, at any place of any batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import medtorch
from medtorch.core import backends
from tests.core.backends.cpu.conftest import native, sets
from tests.core.graph.models import NAMES
from tests.core.ops.bits import digest
from tests.models.bits import BATCHES, CONFIGURED, answers, batch, digests, model_digests, subject, ways

pytestmark = pytest.mark.requirement("REQ-F-CMP-008", "REQ-F-OPS-301")

__all__ = ["native", "sets"]

QUICK = {"basic_unet"}  # the first case of each
FIRST = {next(name for name in CONFIGURED if name.split(" ")[0] == model) for model in QUICK}
EVERY = [*NAMES, *(pytest.param(name, id=name, marks=() if name in FIRST else pytest.mark.slow) for name in CONFIGURED)]


@pytest.mark.parametrize("name", EVERY)
def test_kernel_sets_and_threads_change_no_bit(name, native, sets, monkeypatch):
    found = {}
    model, x = subject(name)
    for kernels in sets:
        monkeypatch.setattr(backends, "_cpu", lambda kernels=kernels: kernels)
        runs = ways(model, x)
        for threads in (1, 2, 3, 7) if kernels is sets[-1] else (2,):
            native.set_thread_count(threads)
            found[kernels.set.name, threads] = digests(runs, x)
    first = next(iter(found.values()))
    assert {where: digests for where, digests in found.items() if digests != first} == {}


@pytest.mark.parametrize("name", EVERY)
def test_eager_and_compiled_without_rewrites_are_one(name, native, sets):
    digests = model_digests(name)
    assert digests["eager"] == digests["unfolded"]


@pytest.mark.parametrize("name", EVERY)
def test_a_sample_is_alone_in_every_batch(name, native, sets):
    model, x = subject(name)
    x = x[:1]
    for run in (model, medtorch.compile(model, x)):
        alone = digest(answers(run, x))
        for size, place in BATCHES:
            many = answers(run, batch(x, size, place))
            assert digest([y[place : place + 1] for y in many]) == alone, (run, size, place)


def test_a_process_told_which_kernel_set_gives_the_same_digests(native, sets):
    names = ["lenet", "unet"]
    found = {}
    for nr, kernels in enumerate(sets, start=1):
        environment = {**os.environ, "MEDTORCH_CPU_ISA": kernels.set.name, "MEDTORCH_NUM_THREADS": str(nr)}
        done = subprocess.run(
            [sys.executable, "-m", "tests.models.bits", *names],
            env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
        )  # fmt: skip
        found[kernels.set.name] = json.loads(done.stdout)
    first = next(iter(found.values()))
    assert set(first) == set(names)
    assert {where for where, digests in found.items() if digests != first} == set()
