"""Compiled on a CUDA device: the same graph over other arrays, on a strict stand-in for CuPy."""

from __future__ import annotations

import pytest

import medtorch
from medtorch.errors import CompileError, DeviceError
from tests.core.backends.cuda.conftest import install, two_devices
from tests.core.backends.cuda.fake_cupy import FakeArray
from tests.core.graph.models import eager, gap, image, zoo

pytestmark = pytest.mark.requirement("REQ-F-CMP-001", "REQ-F-GPU-001")

__all__ = ["install", "two_devices"]


def test_a_model_is_compiled_for_the_device_that_it_is_on(two_devices):
    model, x = zoo("unet").to("cuda:1"), image((1, 1, 16, 16)).to("cuda:1")
    compiled = medtorch.compile(model, x)
    other = image((1, 1, 16, 16), seed=3).to("cuda:1")
    found = compiled(other)
    assert found.device == medtorch.device("cuda:1")
    assert isinstance(found._array, FakeArray)
    assert gap(found.cpu(), eager(model, other).cpu()) < 5e-6
    plan = compiled.stats()["plan"]
    assert plan["rewrites"]["scales folded into weights"] == 14
    assert plan["arena_bytes"] == 0  # CuPy's own pool gives memory out there


def test_inputs_elsewhere_are_refused(two_devices):
    model, x = zoo("lenet").to("cuda:1"), image((1, 1, 32, 32))
    compiled = medtorch.compile(model, x.to("cuda:1"))
    with pytest.raises(
        DeviceError, match=r"^conv2d: tensors on different devices\n  input   \(1, 1, 32, 32\)  float32  cpu"
    ):
        compiled(x)
    with pytest.raises(CompileError, match=r"^compile: the model uses a tensor on cpu, the inputs are on cuda:1\n"):
        medtorch.compile(lambda a: (medtorch.ones(3) * 2, a), x.to("cuda:1"))
    with pytest.raises(CompileError, match=r"^compile: inputs on different devices: cpu, cuda:1$"):
        medtorch.compile(lambda a, b: a + b, x, x.to("cuda:1"))
