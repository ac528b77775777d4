"""DenseNet under torchvision's keys, with torchvision's outputs and gradients."""

from __future__ import annotations

import pytest

import medtorch
from medtorch.models.densenet import DenseLayer
from tests.models import zoo
from tests.models.record_zoo import load_torchvision
from tests.models.zoo import Case

KEYS = pytest.mark.requirement("REQ-F-MOD-010")
NUMBERS = pytest.mark.requirement("REQ-F-MOD-011")

NAMES = ["densenet121", "densenet161", "densenet169", "densenet201"]
CASES = [
    Case("densenet121", (1, 3, 48, 64)),
]


@KEYS
@pytest.mark.parametrize("name", zoo.names("densenet"))
def test_keys_shapes_and_dtypes_are_torchvisions(name):
    zoo.check_keys(name)


@KEYS
def test_every_name_of_the_family_is_recorded():
    assert [p.values[0] for p in zoo.names("densenet")] == NAMES


@NUMBERS
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_outputs_and_gradients_are_those_recorded_from_torchvision(case):
    zoo.check_recorded(case)


@pytest.mark.needs("package:torchvision")
@pytest.mark.slow
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_torchvisions_own_weights_load_and_give_its_outputs_and_gradients(case, needs_torch):
    zoo.check_torchvision(case, needs_torch, load_torchvision())


@KEYS
def test_keys_of_published_weights_are_read():
    layer, other = DenseLayer(4, 2, 2, 0), DenseLayer(4, 2, 2, 0)
    old = {k[:4] + "." + k[4:]: v for k, v in layer.state_dict().items()}
    assert "norm.1.running_mean" in old
    other.load_state_dict(old)
    assert all((other.state_dict()[k] == v).all() for k, v in layer.state_dict().items())
    with pytest.raises(medtorch.errors.StateDictError, match=r"norm\.3"):
        other.load_state_dict({**old, "norm.3.weight": medtorch.zeros(1)})
