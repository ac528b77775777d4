"""Inception v3 under torchvision's keys, with torchvision's outputs and gradients."""

from __future__ import annotations

import pytest

import medtorch
from medtorch import nn
from medtorch.models import get_model
from medtorch.models.inception import InceptionOutputs
from tests.models import zoo
from tests.models.record_zoo import load_torchvision
from tests.models.zoo import Case

KEYS = pytest.mark.requirement("REQ-F-MOD-010")
NUMBERS = pytest.mark.requirement("REQ-F-MOD-011")

NAMES = ["inception_v3"]
CASES = [
    Case("inception_v3", (1, 3, 80, 96), {"aux_logits": False, "transform_input": True}),
    Case("inception_v3", (2, 768, 17, 17), {"num_classes": 4}, train=True, part="AuxLogits"),
]


@KEYS
@pytest.mark.parametrize("name", zoo.names("inception"))
def test_keys_shapes_and_dtypes_are_torchvisions(name):
    zoo.check_keys(name)


@KEYS
def test_every_name_of_the_family_is_recorded():
    assert [p.values[0] for p in zoo.names("inception")] == NAMES


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
@pytest.mark.slow
def test_scores_come_with_those_of_the_auxiliary_head_while_training():
    with nn.init.skip_init(), medtorch.no_grad():
        out = get_model("inception_v3", num_classes=4)(medtorch.zeros(2, 3, 299, 299))
    assert isinstance(out, InceptionOutputs)
    assert [tuple(x.shape) for x in out] == [(2, 4), (2, 4)]


@NUMBERS
def test_fresh_weights_of_the_auxiliary_head_spread_as_torchvisions_do():
    head = get_model("inception_v3", num_classes=50).AuxLogits
    spreads = {"conv0": 0.1, "conv1": 0.1}
    assert {name: round(getattr(head, name).conv.weight.std().item(), 2) for name in spreads} == spreads
    assert abs(head.fc.weight.std().item() - 0.001) < 1e-4
