"""How much memory a compiled model needs while it is made, and what is left of a model that gave its memory up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.core.backends.cpu.door import native
from medtorch.core.backends.cpu.fused import PackedWeights
from medtorch.core.graph.saved.saving import save_plans
from medtorch.errors import ArgumentError, BackendError, CompileError
from tests.core.graph.models import INPUTS, image, leaves, zoo

pytestmark = pytest.mark.requirement("REQ-F-CMP-006", "REQ-F-CMP-011")
needs_native = pytest.mark.skipif(native() is None, reason="packed weights need the native kernels")
needs_proc = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")


@pytest.mark.parametrize("name", ["resnet18", "unet", "lenet"])
def test_a_model_that_gave_its_memory_up_is_computed_with_the_same_bits(name):
    x, other = image(INPUTS[name]), image(INPUTS[name], seed=5)
    kept = medtorch.compile(zoo(name), x)
    compiled = medtorch.compile(zoo(name), x, release=True)
    assert compiled.stats()["released"]
    assert not kept.stats()["released"]
    for given in (x, other):
        for one, two in zip(leaves(compiled(given)), leaves(kept(given)), strict=True):
            assert one.numpy().tobytes() == two.numpy().tobytes()


def test_a_model_without_memory_says_so_wherever_its_numbers_are_asked_for():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()
    medtorch.compile(model, image((2, 3)), release=True)
    told = r"^compile: the memory of 0\.weight was released when its model was compiled \(release=True\): only the"
    for ask in (
        model,
        lambda x: model[0].weight.numpy(),
        lambda x: model[0].weight.shape,
        lambda x: model[0].weight + 1,
    ):
        with pytest.raises(CompileError, match=told):
            ask(image((2, 3)))
    with pytest.raises(CompileError, match=r"the memory of 1\.running_mean was released"):
        model[1].running_mean.tolist()


def test_other_inputs_and_saving_are_refused_once_the_memory_is_gone():
    model = nn.Linear(3, 4).eval()
    compiled = medtorch.compile(model, image((1, 3)))
    compiled(image((2, 3)))
    wanted = compiled(image((2, 3), seed=4)).numpy()
    compiled.release()
    assert np.array_equal(compiled(image((2, 3), seed=4)).numpy(), wanted)
    with pytest.raises(
        CompileError, match=r"^compile: the model's memory was released: there is no plan for inputs float32 \(5, 3\)$"
    ):
        compiled(image((5, 3)))
    with pytest.raises(CompileError, match=r"^compile: the model's memory was released: a plan .* cannot be saved$"):
        save_plans(compiled)


def test_a_plain_function_has_no_memory_to_give_up():
    with pytest.raises(ArgumentError, match=r"^compile: release=True takes a module: the tensors of a plain function"):
        medtorch.compile(lambda x: x + 1, image((2,)), release=True)
    compiled = medtorch.compile(lambda x: x + 1, image((2,)))
    with pytest.raises(CompileError, match=r"^compile: release takes a module"):
        compiled.release()


_PEAK = """
import sys
import numpy as np
import medtorch
from medtorch import nn

def status(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) * 1024

def model(size):
    layers = [nn.Sequential(nn.Linear(size, size), nn.ReLU()) for _ in range(8)]
    return nn.Sequential(*layers).eval()

kind = sys.argv[1]
x = medtorch.from_numpy(np.ones((2, 1024), np.float32))
medtorch.compile(model(1024), x)(x)  # what the first use of everything takes is no matter here
large = model(1024)
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
compiled = medtorch.compile(large, x, release=kind == "release")
compiled(x)
print((status("VmHWM") - before) / (8 * 1024 * 1024 * 4))
"""


@needs_native
@needs_proc
@pytest.mark.parametrize(("kind", "bound"), [("keep", 1.5), ("release", 0.6)])
def test_weights_are_packed_layer_by_layer(kind, bound):
    """Above the model: its packed form (1) and about two layers of eight (0.25); released, about two layers alone."""
    run = subprocess.run([sys.executable, "-c", _PEAK, kind], capture_output=True, text=True, check=False, timeout=100)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < bound


@needs_native
def test_what_stands_for_packed_weights_has_no_numbers_to_pack():
    weights = PackedWeights()
    weight = np.ones((4, 3), np.float32)
    weight.flags.writeable = False
    module = native()
    assert module is not None
    assert weights.stand_in(weight, module.Recorder(False).addresses(weight.nbytes)) is None  # nothing was packed
    packed = weights.of(weight, "form", object)
    found = weights.stand_in(weight, module.Recorder(False).addresses(weight.nbytes))
    assert found is not None
    assert (found.shape, found.strides, found.flags.writeable) == (weight.shape, weight.strides, False)
    assert weights.of(found, "form", object) is packed
    with pytest.raises(
        BackendError, match=r"^packed weights: the numbers of \(4, 3\) were let go, other was not packed$"
    ):
        weights.of(found, "other", object)


@needs_native
def test_large_memory_goes_back_at_once_while_plans_are_made():
    module = native()
    assert module is not None
    module.trim_memory()
    kept = module.memory_stats()[1]
    module.hold_memory(False)
    try:
        module.empty((1 << 20,))
        assert module.memory_stats()[1] == kept
    finally:
        module.hold_memory(True)
    module.empty((1 << 20,))
    assert module.memory_stats()[1] > kept
