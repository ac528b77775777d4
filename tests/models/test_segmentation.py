"""Segmenters under torchvision's keys, with torchvision's outputs and gradients."""

from __future__ import annotations

import pytest

from tests.models import zoo
from tests.models.record_zoo import load_torchvision
from tests.models.zoo import Case

KEYS = pytest.mark.requirement("REQ-F-MOD-010")
NUMBERS = pytest.mark.requirement("REQ-F-MOD-011")

NAMES = [
    *("deeplabv3_mobilenet_v3_large", "deeplabv3_resnet101", "deeplabv3_resnet50"),
    *("fcn_resnet101", "fcn_resnet50", "lraspp_mobilenet_v3_large"),
]
CASES = [
    Case("deeplabv3_mobilenet_v3_large", (1, 3, 56, 40), {"aux_loss": True, "num_classes": 3}),
    Case("deeplabv3_resnet50", (1, 3, 32, 24), {"num_classes": 3}, slow=True),
    Case("fcn_resnet50", (1, 3, 32, 24), {"aux_loss": True, "num_classes": 3}),
    Case("lraspp_mobilenet_v3_large", (1, 3, 40, 56), {"num_classes": 3}),
]


@KEYS
@pytest.mark.parametrize("name", zoo.names("segmentation"))
def test_keys_shapes_and_dtypes_are_torchvisions(name):
    zoo.check_keys(name)


@KEYS
def test_every_name_of_the_family_is_recorded():
    assert [p.values[0] for p in zoo.names("segmentation")] == NAMES


@NUMBERS
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_outputs_and_gradients_are_those_recorded_from_torchvision(case):
    zoo.check_recorded(case)


@pytest.mark.needs("package:torchvision")
@pytest.mark.slow
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_torchvisions_own_weights_load_and_give_its_outputs_and_gradients(case, needs_torch):
    zoo.check_torchvision(case, needs_torch, load_torchvision())
