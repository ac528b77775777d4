"""Plans as data and back: the same bytes, nothing captured, and nothing believed of what the data says."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.core.graph.saved.operations import OPS, op_from_data, op_to_data
from medtorch.core.graph.saved.restoring import restore_plans
from medtorch.core.graph.saved.saving import save_plans
from medtorch.core.ops.shape import Permute
from medtorch.errors import CompileError, FormatError, LimitError, LoadError, UnsupportedError
from tests.core.graph.models import INPUTS, NAMES, eager, gap, image, leaves, lively, zoo

pytestmark = pytest.mark.requirement("REQ-F-CMP-010")


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.linear = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x, scale=1.0):
        y = medtorch.relu(self.norm(self.conv(x)))
        y = medtorch.cat((y, y * 2), 1).mean((2, 3))[:, ::2]
        return {"scores": self.linear(y) * scale, "features": (y, None)}


def small():
    medtorch.manual_seed(3)
    return lively(Small())


def saved(model, *inputs):
    compiled = medtorch.compile(model, *inputs)
    data, arrays = save_plans(compiled)
    return compiled, json.loads(json.dumps(data)), arrays


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_plan_gives_the_same_bytes_without_capturing(name):
    model, x = zoo(name), image(INPUTS[name])
    compiled, data, arrays = saved(model, x)
    restored = restore_plans(model, data, arrays)
    other = image(INPUTS[name], seed=7)
    for one, two in zip(leaves(restored(other)), leaves(compiled(other)), strict=True):
        assert one.numpy().tobytes() == two.numpy().tobytes()
    stats = restored.stats()
    assert (stats["captures"], stats["plans_cached"]) == (0, 1)
    for what in ("steps", "rewrites", "kernels", "arena_bytes", "native_jobs", "accuracy", "convolutions"):
        assert stats["plan"][what] == compiled.stats()["plan"][what]


def test_nested_inputs_and_outputs_come_back_nested():
    model, x = small(), image((2, 3, 8, 8))
    compiled, data, arrays = saved(model, x)
    found = restore_plans(model, data, arrays)(x)
    assert list(found) == ["scores", "features"]
    assert isinstance(found["features"], tuple)
    assert found["features"][1] is None
    assert gap(found["scores"], compiled(x)["scores"]) == 0


def test_several_plans_are_kept_and_other_inputs_are_captured_as_ever():
    model = small()
    compiled = medtorch.compile(model, image((1, 3, 8, 8)))
    compiled(image((2, 3, 8, 8)))
    data, arrays = save_plans(compiled)
    restored = restore_plans(model, json.loads(json.dumps(data)), arrays)
    restored(image((1, 3, 8, 8)))
    restored(image((2, 3, 8, 8)))
    assert restored.stats()["captures"] == 0
    third = image((1, 3, 9, 9))
    assert gap(restored(third)["scores"], eager(model, third)["scores"]) < 5e-6
    assert restored.stats()["captures"] == 1


def test_plans_share_equal_constants():
    model = small()
    compiled = medtorch.compile(model, image((1, 3, 8, 8)))
    compiled(image((2, 3, 8, 8)))
    _, arrays = save_plans(compiled)
    assert sum(a.shape == (8, 3, 3, 3) for a in arrays.values()) == 1


def test_channels_last_inputs_keep_their_plan():
    model = nn.Conv2d(3, 4, 3).eval()
    x = image((2, 3, 6, 5)).contiguous(memory_format=medtorch.channels_last)
    compiled, data, arrays = saved(model, x)
    restored = restore_plans(model, data, arrays)
    assert restored(x).numpy().tobytes() == compiled(x).numpy().tobytes()
    assert restored.stats()["captures"] == 0


def test_a_restored_model_that_was_changed_is_refused():
    model, x = small(), image((1, 3, 8, 8))
    _, data, arrays = saved(model, x)
    restored = restore_plans(model, data, arrays)
    with medtorch.no_grad():
        model.linear.bias.add_(1)
    with pytest.raises(CompileError, match=r"linear\.bias of the model was changed"):
        restored(x)


def test_the_given_arrays_can_change_afterwards():
    model, x = small(), image((1, 3, 8, 8))
    compiled, data, arrays = saved(model, x)
    arrays = {name: array.copy() for name, array in arrays.items()}
    restored = restore_plans(model, data, arrays)
    for array in arrays.values():
        array[...] = 0
    assert gap(restored(x)["scores"], compiled(x)["scores"]) == 0


def test_a_plan_with_an_op_that_is_not_listed_is_not_saved():
    compiled = medtorch.compile(lambda x: x.as_strided((2,), (2,)), image((4,)))
    with pytest.raises(UnsupportedError, match="a plan with this op cannot be saved"):
        save_plans(compiled)


def test_ops_come_back_as_they_were():
    for op in (Permute((2, 0, 1)), *(OPS[name]() for name in ("Add", "Relu", "Sigmoid"))):
        again = op_from_data(json.loads(json.dumps(op_to_data(op))), "here")
        assert type(again) is type(op)
        assert vars(again) == vars(op)


# -- data that nobody vouches for --------------------------------------------------------------------------------------


def places(data, path=()):
    """Every place within nested data."""
    yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from places(value, (*path, key))
    elif isinstance(data, list):
        for nr, value in enumerate(data):
            yield from places(value, (*path, nr))


def with_value(data, path, value):
    if not path:
        return value
    changed = copy.deepcopy(data)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def at_place(data, path):
    for key in path:
        data = data[key]
    return data


STRANGE = [None, True, -1, 3.5, 10**12, 10**30, "no", [], [[1]], {}, {"dtype": "float31"}, {"float": "inf"}, [-1, -1]]


def test_no_strange_value_at_any_place_does_harm():
    """Whatever stands at a place: an error of the loader, or a plan that was as good (a comment, a count)."""
    model, x = small(), image((1, 3, 8, 8))
    _, data, arrays = saved(model, x)
    refused = kept = 0
    for path in places(data):
        for value in STRANGE:
            if type(value) is type(at_place(data, path)) and value == at_place(data, path):
                continue
            try:
                restore_plans(model, with_value(data, path, value), arrays, most_bytes=1 << 24)
                kept += 1
            except LoadError:
                refused += 1
    assert refused > 10 * kept


def test_fields_left_out_or_added_are_refused():
    model, x = small(), image((1, 3, 8, 8))
    _, data, arrays = saved(model, x)
    for path in places(data):
        if isinstance(at_place(data, path), dict) and "rewrites" not in path and "convolutions" not in path:
            with pytest.raises(LoadError):
                restore_plans(model, with_value(data, path, {**at_place(data, path), "more": 1}), arrays)
            for key in at_place(data, path):
                less = {k: v for k, v in at_place(data, path).items() if k != key}
                with pytest.raises(LoadError):
                    restore_plans(model, with_value(data, path, less), arrays)


NODE = ("plans", 0, "nodes", 0)
HOSTILE = [
    (("version",), 2, FormatError, "format 'medtorch.plans' 2, not medtorch.plans 1"),
    (("algorithms",), "quick", FormatError, "unknown rewrites or algorithms"),
    ((*NODE, "op"), "AsStrided", FormatError, "no op that a plan may hold"),
    ((*NODE, "op"), "__class__", FormatError, "no op that a plan may hold"),
    ((*NODE, "inputs", 0), 999, FormatError, "nobody made value 999"),
    ((*NODE, "outputs", 0), 0, FormatError, "value 0 is made twice"),
    ((*NODE, "padding"), [[10**9, 10**9]] * 2, LimitError, "would make"),
    ((*NODE, "activation"), "run", FormatError, "unknown activation 'run'"),
    (("plans", 0, "constants", 0, "tensor"), "none", FormatError, "no tensor 'none'"),
    (("plans", 0, "inputs", 0, "shape"), [1, 3, 10**6, 10**6], LimitError, "would make"),
    (("plans",), [{}] * 65, LimitError, "a list of 65"),
]


@pytest.mark.parametrize(("path", "value", "error", "text"), HOSTILE)
def test_hostile_plans_are_refused_by_name(path, value, error, text):
    model, x = small(), image((1, 3, 8, 8))
    _, data, arrays = saved(model, x)
    with pytest.raises(error, match=text):
        restore_plans(model, with_value(data, path, value), arrays)


def test_constants_of_other_shapes_are_refused():
    model, x = small(), image((1, 3, 8, 8))
    _, data, arrays = saved(model, x)
    for name, array in arrays.items():
        if array.ndim:
            with pytest.raises(LoadError):
                restore_plans(
                    model, data, arrays | {name: np.zeros((array.shape[0] + 1, *array.shape[1:]), array.dtype)}
                )


def test_a_batch_norm_that_was_not_rewritten_is_kept_and_held_to_its_channels():
    medtorch.manual_seed(3)
    model, x = lively(nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False))), image((2, 3, 4, 4))
    compiled = medtorch.compile(model, x, rewrites="none")
    data, arrays = save_plans(compiled)
    data = json.loads(json.dumps(data))
    nodes = data["plans"][0]["nodes"]
    assert [node["op"] for node in nodes] == ["BatchNorm", "BatchNorm"]
    restored = restore_plans(model, data, arrays)
    assert restored(x).numpy().tobytes() == eager(model, x).numpy().tobytes() == compiled(x).numpy().tobytes()
    mean = next(c["tensor"] for c in data["plans"][0]["constants"] if c["value"] == nodes[0]["inputs"][1])
    for wrong in (np.zeros(1, np.float32), np.zeros(4, np.float32), np.zeros(3)):
        with pytest.raises(FormatError, match="batch_norm: sizes do not fit"):
            restore_plans(model, data, arrays | {mean: wrong})
    for place in (0, 1, 2):
        absent = with_value(data, ("plans", 0, "nodes", 0, "inputs", place), None)
        with pytest.raises(FormatError):
            restore_plans(model, absent, arrays)
