"""Plans whose stretches run for some images at a time give the bits of plans that run the whole batch."""

from __future__ import annotations

import json

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.core import backends
from medtorch.core.backends.reference import ReferenceKernels
from medtorch.core.graph import native_program
from medtorch.core.graph.saved.restoring import restore_plans
from medtorch.core.graph.saved.saving import save_plans
from medtorch.core.graph.stretches import Stretch, batch_of, parts_of
from medtorch.nn import functional as F
from tests.core.backends.cpu.conftest import native, sets
from tests.core.graph.models import INPUTS, NAMES, eager, gap, image, leaves, lively, zoo

pytestmark = pytest.mark.requirement("REQ-F-CMP-012")

__all__ = ["native", "sets"]


@pytest.fixture(autouse=True)
def fast(sets, monkeypatch):
    """The widest native kernels of this machine."""
    monkeypatch.setattr(backends, "_cpu", lambda: sets[-1])


@pytest.fixture
def cut(monkeypatch):
    """Lets every step that may be cut run for so many images at a time, or in stretches of a few steps."""

    def choose(images, longest=10_000):
        def chosen(graph, seen):
            found = []
            for nr in range(len(graph.nodes) if images < batch_of(graph) else 0):
                if parts_of(graph, seen, nr) is None:
                    continue
                if found and found[-1].last == nr and nr - found[-1].first < longest:
                    found[-1] = Stretch(found[-1].first, nr + 1, images)
                else:
                    found.append(Stretch(nr, nr + 1, images))
            return tuple(found)

        monkeypatch.setattr(native_program, "chosen_stretches", chosen)

    return choose


def bits(compiled, x):
    return [one.numpy().tobytes() for one in leaves(compiled(x))]


def plan_of(compiled):
    return compiled.stats()["plan"]


@pytest.mark.parametrize("name", NAMES)
def test_no_model_of_the_zoo_changes_a_bit(name, cut):
    model, shape = zoo(name), (3, *INPUTS[name][1:])
    x, other = image(shape), image(shape, seed=5)
    cut(3)
    whole = medtorch.compile(model, x)
    assert plan_of(whole)["slices"] == []
    cut(2)
    sliced = medtorch.compile(model, x, poison=True)
    assert plan_of(sliced)["slices"]
    cut(1, longest=3)
    short = medtorch.compile(model, x, poison=True)
    assert bits(sliced, other) == bits(whole, other) == bits(short, other)


@pytest.mark.parametrize("name", ["lenet", "unet", "cifar_resnet20"])
def test_kernel_sets_threads_and_slices_change_no_bit(name, native, sets, monkeypatch, cut):
    model, x = zoo(name), image((5, *INPUTS[name][1:]))
    found = set()
    for kernels in sets:
        monkeypatch.setattr(backends, "_cpu", lambda kernels=kernels: kernels)
        for images in (1, 2, 3, 5):
            cut(images)
            native.set_thread_count(images)
            found.add(b"".join(bits(medtorch.compile(model, x), x)))
    assert len(found) == 1


def test_shapes_alone_decide_and_large_images_are_cut(native):
    model = lively(nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 4, 1)))
    compiled = medtorch.compile(model, image((4, 3, 192, 192)))
    plan = plan_of(compiled)
    assert plan["slices"] == [{"first_step": 0, "last_step": 1, "images": 1}]
    assert (plan["steps"], plan["native_jobs"]) == (2, 8 + 4)  # both steps for each image; outputs are put together
    assert plan["arena_bytes"] < 2 * 4 * 36 * 192 * 192
    x = image((4, 3, 192, 192), seed=4)
    assert gap(compiled(x), eager(model, x)) < 5e-6
    native.set_thread_count(1)
    again = medtorch.compile(model, image((4, 3, 192, 192)))
    assert plan_of(again)["slices"] == plan["slices"]
    assert bits(again, x) == bits(compiled, x)


def test_what_lies_between_two_steps_takes_the_memory_of_one_slice(cut):
    model = nn.Sequential(nn.Conv2d(4, 16, 1), nn.ReLU(), nn.Conv2d(16, 16, 1), nn.AdaptiveAvgPool2d(1)).eval()
    x = image((6, 4, 16, 16))
    cut(6)
    whole = plan_of(medtorch.compile(model, x))["arena_bytes"]
    cut(1)
    sliced = medtorch.compile(model, x)
    assert whole == 2 * 6 * 16 * 16 * 16 * 4
    assert whole / 6 <= plan_of(sliced)["arena_bytes"] <= whole / 6 + 6 * 64 * 2
    assert plan_of(sliced)["python_steps"] == {}


def test_values_that_leave_a_stretch_are_written_where_they_go(cut):
    first, second = (nn.Conv2d(8, 8, 3, padding=1).eval() for _ in range(2))

    def model(x):
        a = F.relu(first(x))
        b = F.relu(second(a))
        return (a + b).permute(1, 0, 2, 3).sum((1, 2, 3)), (a * b).amax(0)

    x = image((4, 8, 6, 6))
    cut(4)
    whole = medtorch.compile(model, x)
    cut(1)
    sliced = medtorch.compile(model, x, poison=True)
    other = image((4, 8, 6, 6), seed=8)
    assert bits(sliced, other) == bits(whole, other)
    assert plan_of(sliced)["concatenated_in_place"] > 0


def test_a_look_into_memory_that_leaves_a_stretch_is_written_down(cut):
    conv = nn.Conv2d(3, 8, 2, stride=2).eval()

    def model(x):
        patches = conv(x).flatten(2).transpose(1, 2)
        return patches.cumsum(0)

    x = image((3, 3, 8, 8))
    cut(3)
    whole = medtorch.compile(model, x)
    cut(1)
    sliced = medtorch.compile(model, x, poison=True)
    other = image((3, 3, 8, 8), seed=8)
    assert plan_of(sliced)["slices"]
    assert bits(sliced, other) == bits(whole, other)


def test_several_inputs_and_rows_that_are_parts_of_images(cut):
    linear = nn.Linear(6, 10)

    def model(x, y):
        rows = F.gelu(linear((x + y).reshape(-1, 6)))
        return F.softmax(rows.reshape(5, 7, 10), dim=-1).mean(1) * 2

    x, y = image((5, 7, 6)), image((7, 6), seed=2)
    cut(5)
    whole = medtorch.compile(model, x, y)
    cut(2)
    sliced = medtorch.compile(model, x, y, poison=True)
    assert plan_of(sliced)["slices"]
    others = image((5, 7, 6), seed=3), image((7, 6), seed=4)
    assert sliced(*others).numpy().tobytes() == whole(*others).numpy().tobytes()


def test_new_batch_sizes_are_planned_anew(cut):
    model = zoo("lenet")
    cut(2)
    compiled = medtorch.compile(model, image((2, 1, 32, 32)))
    alone = compiled(image((2, 1, 32, 32), seed=1)).numpy()
    batch = image((5, 1, 32, 32), seed=6).numpy().copy()
    batch[3] = image((2, 1, 32, 32), seed=1).numpy()[1]
    assert compiled(medtorch.from_numpy(batch)).numpy()[3].tobytes() == alone[1].tobytes()
    assert compiled.stats()["plans_cached"] == 2


def test_a_saved_plan_is_cut_again_when_it_is_loaded(cut):
    model, x = zoo("unet"), image((3, 1, 32, 32))
    cut(1)
    compiled = medtorch.compile(model, x)
    data, arrays = save_plans(compiled)
    assert len(data["plans"][0]["nodes"]) == plan_of(compiled)["steps"]
    restored = restore_plans(model, json.loads(json.dumps(data)), arrays)
    assert plan_of(restored)["slices"] == plan_of(compiled)["slices"] != []
    assert plan_of(restored)["native_jobs"] == plan_of(compiled)["native_jobs"]
    other = image((3, 1, 32, 32), seed=9)
    assert bits(restored, other) == bits(compiled, other)


def test_a_released_model_runs_in_slices(cut):
    model, x = zoo("cifar_resnet20"), image((3, 3, 16, 16))
    cut(3)
    wanted = bits(medtorch.compile(model, x), x)
    cut(1)
    assert bits(medtorch.compile(model, x, release=True), x) == wanted


def test_reference_kernels_run_the_whole_batch(monkeypatch):
    monkeypatch.setattr(backends, "_cpu", lambda: ReferenceKernels(np))
    model = nn.Sequential(nn.Conv2d(1, 8, 1), nn.ReLU()).eval()
    plan = plan_of(medtorch.compile(model, image((2, 1, 512, 512))))
    assert plan["slices"] == []
