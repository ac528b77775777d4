"""Performance as ratios within one run, on the CPU time of one process and one thread: others there do not count.

Measured where validation or `make bench` asks for it, never as a gate of the usual tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import medtorch
from benchmarks import rounds, weights
from benchmarks.kernel_rows import rows
from benchmarks.peers import INFERENCE, TRAINING, Absent, Job, load
from benchmarks.protocol import Worker
from benchmarks.roof import library
from benchmarks.workloads import Workload, named
from medtorch.core.backends import kernels_for
from medtorch.core.modes import STATE
from tests.core.backends.cpu.conftest import native
from tests.core.graph.models import image, zoo

pytestmark = pytest.mark.needs("measuring")

__all__ = ["native"]

MODELS = {"lenet": (1, 1, 32, 32), "cifar_resnet20": (1, 3, 32, 32), "unet": (1, 1, 32, 32), "pnet": (1, 3, 24, 24)}
UNET, STEP = named("unet 64"), named("train unet 256 x2")


@pytest.fixture(autouse=True)
def one_thread(native) -> Iterator[None]:
    """The `native` fixture puts the number back."""
    native.set_thread_count(1)
    with medtorch.no_grad():
        yield


def once(place: str, workload: Workload, folder: Path, needs: Callable[[str], None]) -> Callable[[], Any]:
    """One prediction or step of a candidate of the benchmarks, on one thread of this process."""
    if not (folder / weights.INPUT).exists():
        with (folder / "log.txt").open("ab") as log:
            rounds.prepare(workload, folder, rounds.Plan(threads=1), log)
    try:
        return load(place)(Job(workload, folder, threads=1)).once
    except Absent as reason:
        pytest.fail(f"the capability is there, the candidate is not: {reason}")


@pytest.mark.requirement("REQ-P-SPD-001")
@pytest.mark.parametrize("peer", ["PyTorch eager", "PyTorch channels-last", "TorchScript frozen"])
def test_inference_takes_no_longer_than_in_pytorch(peer, evidence, needs, needs_torch, tmp_path):
    ours, theirs = (once(INFERENCE[name], UNET, tmp_path, needs) for name in ("medtorch compiled", peer))
    evidence.paired("REQ-P-SPD-001", ours, theirs)


@pytest.mark.requirement("REQ-P-SPD-004")
@pytest.mark.parametrize(("peer", "package"), [("ONNX Runtime", "onnxruntime"), ("OpenVINO", "openvino")])
def test_inference_takes_no_longer_than_in_other_runtimes(peer, package, evidence, needs, needs_torch, tmp_path):
    needs(f"package:{package}")
    ours, theirs = (once(INFERENCE[name], UNET, tmp_path, needs) for name in ("medtorch compiled", peer))
    evidence.paired("REQ-P-SPD-004", ours, theirs)


@pytest.mark.requirement("REQ-P-SPD-002")
def test_a_training_step_takes_no_longer_than_in_pytorch(evidence, needs, needs_torch, tmp_path):
    ours, theirs = (once(TRAINING[name], STEP, tmp_path, needs) for name in ("medtorch", "PyTorch eager"))
    with medtorch.enable_grad():
        evidence.paired("REQ-P-SPD-002", ours, theirs)


@pytest.mark.requirement("REQ-P-SPD-010")
@pytest.mark.parametrize("name", MODELS)
def test_a_compiled_model_is_quicker_than_the_model(name, evidence):
    model, x = zoo(name), image(MODELS[name])
    compiled = medtorch.compile(model, x)
    evidence.paired("REQ-P-SPD-010", lambda: compiled(x), lambda: model(x))


@pytest.mark.requirement("REQ-P-SPD-011")
def test_a_step_costs_little_beside_the_smallest_kernel(evidence):
    def chain(x):
        for _ in range(100):
            x = (x * 0.5).tanh()
        return x

    x, half = medtorch.ones(8), np.asarray(0.5, np.float32)
    compiled, kernels = medtorch.compile(chain, x), kernels_for(x.device)

    def bare():
        array = x.numpy()
        with kernels.quiet():
            for _ in range(100):
                array = kernels.tanh(kernels.mul(array, half))

    evidence.paired("REQ-P-SPD-011", lambda: compiled(x), bare)


@pytest.mark.requirement("REQ-P-SPD-012")
def test_an_op_costs_no_more_for_being_watchable(evidence):
    """The hook of the recorder in eager code is one test of a thread's variable."""
    x = medtorch.ones(8)

    def ops():
        for _ in range(200):
            x.relu()

    def tests():
        for _ in range(200):
            if STATE.capture is not None:
                raise AssertionError

    evidence.paired("REQ-P-SPD-012", tests, ops)


@pytest.mark.requirement("REQ-P-SPD-021")
@pytest.mark.parametrize(
    "kernel",
    [
        "conv 3x3 64 @56, weights packed",
        "conv 1x1 1024->256 @14, weights packed",
        "linear 197x768->3072, weights packed",
    ],
)
def test_dense_kernels_come_near_the_arithmetic_that_the_core_can_do(kernel, evidence, needs, tmp_path):
    needs("compiler")
    roof = library(tmp_path)
    assert roof is not None
    (row,) = (row for row in rows() if row.name == kernel)
    evidence.paired("REQ-P-SPD-021", row.once, lambda: roof(row.flops))


@pytest.mark.requirement("REQ-P-MEM-001")
@pytest.mark.parametrize("way", ["medtorch eager", "medtorch compiled"])
def test_a_prediction_needs_less_than_half_of_pytorchs_memory(way, evidence, needs_torch, tmp_path):
    weights.write(UNET, tmp_path)
    samples = [peak(way, tmp_path) / peak("PyTorch eager", tmp_path) for _ in range(3)]
    evidence.measure("REQ-P-MEM-001", max(samples), samples)


def peak(name: str, folder: Path) -> int:
    """Most memory that a process of one candidate had, from its start to its first answer."""
    with (folder / "log.txt").open("ab") as log:
        worker = Worker(INFERENCE[name], UNET.name, folder, rounds.environment(1), log)
        try:
            assert "version" in worker.ask(120, do="load")
            return int(worker.ask(10, do="memory")["peak_bytes"])
        finally:
            worker.end()
