"""RegNet under torchvision's keys, with torchvision's outputs and gradients."""

from __future__ import annotations

import pytest

from medtorch.models import get_model
from tests.models import zoo
from tests.models.record_zoo import load_torchvision
from tests.models.zoo import Case

KEYS = pytest.mark.requirement("REQ-F-MOD-010")
NUMBERS = pytest.mark.requirement("REQ-F-MOD-011")

NAMES = [
    *(f"regnet_x_{size}" for size in ("16gf", "1_6gf", "32gf", "3_2gf", "400mf", "800mf", "8gf")),
    *(f"regnet_y_{size}" for size in ("128gf", "16gf", "1_6gf", "32gf", "3_2gf", "400mf", "800mf", "8gf")),
]
CASES = [
    Case("regnet_x_400mf", (1, 3, 48, 64)),
    Case("regnet_y_400mf", (1, 3, 64, 48)),
    Case("regnet_y_800mf", (2, 3, 64, 64), {"num_classes": 3}, train=True),
]


@KEYS
@pytest.mark.parametrize("name", zoo.names("regnet"))
def test_keys_shapes_and_dtypes_are_torchvisions(name):
    zoo.check_keys(name)


@KEYS
def test_every_name_of_the_family_is_recorded():
    assert [p.values[0] for p in zoo.names("regnet")] == NAMES


@NUMBERS
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_outputs_and_gradients_are_those_recorded_from_torchvision(case):
    zoo.check_recorded(case)


@pytest.mark.needs("package:torchvision")
@pytest.mark.slow
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_torchvisions_own_weights_load_and_give_its_outputs_and_gradients(case, needs_torch):
    zoo.check_torchvision(case, needs_torch, load_torchvision())


@NUMBERS
def test_fresh_biases_of_squeezing_convolutions_spread_as_torchvisions_do():
    bias = get_model("regnet_y_400mf").trunk_output.block4[0].f.se.fc1.bias
    bound = 440**-0.5  # of a uniform start: 1 / sqrt(inputs)
    assert 0.5 * bound < bias.abs().max().item() <= bound
