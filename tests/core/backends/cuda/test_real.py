"""Real CUDA devices: what the stand-in cannot show. Ops are compared by tests/core/ops/test_catalogue.py."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch

pytestmark = [pytest.mark.requirement("REQ-F-GPU-001"), pytest.mark.needs("gpu")]


def test_a_tensor_survives_the_way_there_and_back() -> None:
    numbers = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    there = medtorch.from_numpy(numbers).to("cuda")
    assert there.is_cuda
    np.testing.assert_array_equal(there.cpu().numpy(), numbers)


@pytest.mark.parametrize("dtype", [medtorch.float16, medtorch.bfloat16, medtorch.float64, medtorch.int8, medtorch.bool])
def test_every_dtype_survives(dtype: medtorch.dtype) -> None:
    x = medtorch.tensor([0, 1, 1, 0]).to(dtype)
    assert medtorch.equal(x.cuda().cpu(), x)


def test_training_steps_follow_those_on_the_host() -> None:
    rng = np.random.default_rng(1)
    images, weight = rng.normal(size=(4, 3, 8, 8)), rng.normal(size=(5, 3, 3, 3))
    found = []
    for place in ("cpu", "cuda"):
        w = medtorch.tensor(weight, device=place, requires_grad=True)
        x = medtorch.tensor(images, device=place)
        for _ in range(3):
            loss = medtorch.nn.functional.conv2d(x, w, padding=1).relu().square().mean()
            (slope,) = medtorch.autograd.grad(loss, w)
            w = (w - 0.1 * slope).detach().requires_grad_()
        found.append(w.detach().cpu().numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-10)


def test_memory_is_counted() -> None:
    before = medtorch.cuda.memory_allocated()
    kept = medtorch.ones(1 << 20, device="cuda")
    assert medtorch.cuda.memory_allocated() - before >= kept.nbytes


@pytest.mark.needs("multi_gpu")
def test_two_devices_work_side_by_side() -> None:
    a, b = medtorch.ones(4, device="cuda:0"), medtorch.ones(4, device="cuda:1")
    b[1:] = 2
    assert (b * 2).device == medtorch.device("cuda:1")
    assert (a + (b * 2).to("cuda:0")).tolist() == [3.0, 5.0, 5.0, 5.0]
