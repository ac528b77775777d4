"""MaxViT under torchvision's keys, with torchvision's outputs and gradients."""

from __future__ import annotations

import pytest

from tests.models import zoo
from tests.models.record_zoo import load_torchvision
from tests.models.zoo import Case

KEYS = pytest.mark.requirement("REQ-F-MOD-010")
NUMBERS = pytest.mark.requirement("REQ-F-MOD-011")

NAMES = ["maxvit_t"]
CASES = [
    Case("maxvit_t", (1, 128, 28, 28), {"num_classes": 5}, part="blocks.2"),
    Case("maxvit_t", (1, 512, 7, 7), {"num_classes": 5}, part="classifier"),
    Case("maxvit_t", (1, 3, 224, 224), {"num_classes": 5}, slow=True),
]


@KEYS
@pytest.mark.parametrize("name", zoo.names("maxvit"))
def test_keys_shapes_and_dtypes_are_torchvisions(name):
    zoo.check_keys(name)


@KEYS
def test_every_name_of_the_family_is_recorded():
    assert [p.values[0] for p in zoo.names("maxvit")] == NAMES


@NUMBERS
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_outputs_and_gradients_are_those_recorded_from_torchvision(case):
    zoo.check_recorded(case)


@pytest.mark.needs("package:torchvision")
@pytest.mark.slow
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_torchvisions_own_weights_load_and_give_its_outputs_and_gradients(case, needs_torch):
    zoo.check_torchvision(case, needs_torch, load_torchvision())
