"""State of any shape, out and back."""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict

import numpy as np
import pytest

import medtorch
from medtorch.errors import FormatError, SaveError
from medtorch.training.tree import flatten, unflatten

pytestmark = pytest.mark.requirement("REQ-F-TRN-003")


def round_trip(value):
    plain, tensors = flatten(value)
    return unflatten(json.loads(json.dumps(plain, allow_nan=False)), tensors)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, -0.1, 1e-320, "text", [1, [2.5, None]], (1, (2, "x")), {"a": 1, 7: {"b": ()}}, [],
        Counter({30: 2}), math.inf, -math.inf,
    ],
)  # fmt: skip
def test_plain_values_come_back_with_their_types(value):
    back = round_trip(value)
    assert back == value
    assert type(back) is type(value)


def test_nan_comes_back():
    assert math.isnan(round_trip({"x": math.nan})["x"])


def test_tensors_come_back_bit_for_bit(rng):
    value = {
        "state": {
            0: {"step": medtorch.tensor(5.0), "mean": medtorch.from_numpy(rng.normal(size=(3, 2)).astype(np.float32))}
        }
    }
    back = round_trip(value)
    assert back["state"][0]["mean"].numpy().tobytes() == value["state"][0]["mean"].numpy().tobytes()
    assert back["state"][0]["step"].shape == ()


def test_an_ordered_dict_keeps_its_order():
    assert list(round_trip(OrderedDict([("z", 1), ("a", 2)]))) == ["z", "a"]


def test_what_cannot_be_saved_is_named_with_its_place():
    with pytest.raises(SaveError, match=r"^state.a.1: a object cannot be saved in a checkpoint$"):
        flatten({"a": [1, object()]})
    with pytest.raises(SaveError, match=r"^state: a key that is a tuple cannot be saved"):
        flatten({(1, 2): 3})


@pytest.mark.parametrize("plain", [{"tensor": "absent"}, {"code": "x"}, [1], {"list": 1, "dict": 2}])
def test_what_was_not_saved_so_is_refused(plain):
    with pytest.raises(FormatError, match=r"^not a state that was saved: "):
        unflatten(plain, {})
