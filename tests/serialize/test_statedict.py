"""Finding the state dict in the shapes that checkpoints have in the wild."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import medtorch
from medtorch.errors import StateDictError
from medtorch.serialize import Candidate, find_state_dict, load_torch

pytestmark = pytest.mark.requirement("REQ-F-SER-006")


def weights(*names: str) -> OrderedDict:
    return OrderedDict((name, medtorch.ones(2)) for name in names)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (weights("a.w", "b.w"), ""),
        ({"state_dict": weights("a.w", "b.w"), "best_prec1": 0.5}, "state_dict"),
        (
            {"model_state_dict": weights("a.w", "b.w"), "optimizer_state_dict": {"state": {0: {"m": 1}}}},
            "model_state_dict",
        ),
        (
            {"epoch": 3, "pytorch-lightning_version": "2", "state_dict": weights("a.w", "b.w"), "loops": {}},
            "state_dict",
        ),
        ({"net": {"model": weights("a.w", "b.w")}}, "net.model"),
    ],
)
def test_the_one_state_dict_is_found(data, key):
    found = find_state_dict(data)
    assert list(found.tensors) == ["a.w", "b.w"]
    assert found.chosen == Candidate(key, 2, "")
    assert found.candidates == (found.chosen,)
    assert found.stripped == ""


def test_several_state_dicts_are_listed_and_one_can_be_named():
    data = {"model": weights("module.a.w", "module.b.w"), "ema": weights("a.w")}
    listed = (
        r"\n  key 'model': 2 tensors, every name starts with 'module.'"
        r"\n  key 'ema': 1 tensors, every name starts with 'a.'$"
    )
    with pytest.raises(StateDictError, match=r"^2 state dicts found; name one with key=..." + listed):
        find_state_dict(data)
    found = find_state_dict(data, "model")
    assert list(found.tensors) == ["module.a.w", "module.b.w"]
    assert found.chosen.prefix == "module."
    assert len(found.candidates) == 2
    with pytest.raises(StateDictError, match=r"^no state dict under key 'net'; found\n  key 'model'"):
        find_state_dict(data, "net")


def test_a_prefix_is_taken_off_only_when_asked():
    data = weights("module.a.w", "module.b.w")
    assert list(find_state_dict(data).tensors) == ["module.a.w", "module.b.w"]
    found = find_state_dict(data, strip_prefix="module.")
    assert (list(found.tensors), found.stripped) == (["a.w", "b.w"], "module.")
    with pytest.raises(StateDictError, match=r"^strip_prefix: 1 names do not start with 'module.', as 'head.w'$"):
        find_state_dict(weights("module.a.w", "head.w"), strip_prefix="module.")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"epoch": 3, "loss": 0.5}, r"the file holds a dict of 'epoch' \(int\), 'loss' \(float\)$"),
        ({}, r"the file holds a dict of nothing$"),
        ([1, 2], r"the file holds a list$"),
        ({"a": medtorch.ones(1), "b": 3}, r"the file holds a dict of 'a' \(Tensor\), 'b' \(int\)$"),
        ({str(index): index for index in range(14)}, r".* and 2 more$"),
    ],
)
def test_where_there_is_none_the_message_says_what_there_is(data, words):
    with pytest.raises(StateDictError, match=rf"^no state dict found: {words}"):
        find_state_dict(data)


@pytest.mark.parametrize(
    ("file", "key", "prefix"),
    [
        ("cifar_resnet/resnet20-12fca82f.th", "state_dict", "module."),
        ("retina_drive_wnet/wnet_drive.pth", "model_state_dict", ""),
        ("brain_meshnet3d/meshnet_15ch_3class.pth", "", "model."),
        ("small_formats/pnet.pt", "", ""),
    ],
)
def test_the_state_dicts_of_real_checkpoints_are_found(file, key, prefix, shared_data):
    found = find_state_dict(load_torch(shared_data / file))
    assert (found.chosen.key, found.chosen.prefix) == (key, prefix)
    assert len(found.candidates) == 1
