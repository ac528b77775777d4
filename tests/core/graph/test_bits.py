"""A compiled model has the same bits on every kernel set, for every number of threads, and in any batch."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.core import backends
from tests.core.backends.cpu.conftest import native, sets
from tests.core.graph.models import eager, gap, image, zoo

pytestmark = pytest.mark.requirement("REQ-F-CMP-008")

__all__ = ["native", "sets"]

SHAPES = {
    "cifar_resnet20": (3, 16, 16),
    "espnet": (3, 32, 64),
    "lenet": (1, 32, 32),
    "meshnet": (1, 6, 6, 6),
    "pnet": (3, 24, 24),
    "unet": (1, 32, 32),
    "wnet": (3, 32, 32),
}


def answers(model, x):
    """Every output of the model compiled on the kernels that are in force, as arrays."""
    found = medtorch.compile(model, x, poison=True)(x)
    return [t.numpy() for t in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.parametrize("name", SHAPES)
def test_kernel_sets_and_threads_change_no_bit(name, native, sets, monkeypatch):
    model, x = zoo(name), image((2, *SHAPES[name]))
    found = set()
    for kernels in sets:
        monkeypatch.setattr(backends, "_cpu", lambda kernels=kernels: kernels)
        for threads in (1, 2, 3, 7) if kernels is sets[-1] else (2,):
            native.set_thread_count(threads)
            found.add(b"".join(array.tobytes() for array in answers(model, x)))
    assert len(found) == 1


@pytest.mark.parametrize("name", SHAPES)
def test_a_sample_is_alone_in_every_batch(name, sets, monkeypatch):
    monkeypatch.setattr(backends, "_cpu", lambda: sets[-1])
    model, x = zoo(name), image((1, *SHAPES[name]))
    alone = answers(model, x)
    for size, place in ((2, 0), (5, 3), (8, 7)):
        batch = image((size, *SHAPES[name]), seed=size).numpy().copy()
        batch[place] = x.numpy()[0]
        for one, many in zip(alone, answers(model, medtorch.from_numpy(batch)), strict=True):
            assert many[place].tobytes() == one[0].tobytes()


@pytest.mark.parametrize("name", SHAPES)
def test_native_kernels_compute_what_the_reference_does(name, sets, monkeypatch):
    model, x = zoo(name), image((2, *SHAPES[name]))
    wanted = eager(model.double(), x.double())
    model.float()
    monkeypatch.setattr(backends, "_cpu", lambda: sets[-1])
    found = answers(model, x)
    for one, other in zip(found, wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
        assert gap(medtorch.from_numpy(one), other) < 5e-6


@pytest.mark.parametrize("name", ["lenet", "pnet"])
def test_eager_and_compiled_give_the_same_bits_where_nothing_is_folded(name, sets, monkeypatch):
    monkeypatch.setattr(backends, "_cpu", lambda: sets[-1])
    model, x = zoo(name), image((2, *SHAPES[name]))
    assert not medtorch.compile(model, x).stats()["plan"]["accuracy"]["folded"]
    wanted = eager(model, x)
    for one, other in zip(answers(model, x), wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
        assert np.array_equal(one, other.numpy())
