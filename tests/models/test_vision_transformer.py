"""Vision transformers under torchvision's keys, with torchvision's outputs and gradients."""

from __future__ import annotations

import pytest

import medtorch
from medtorch.models.vision_transformer import ConvStemConfig, MLPBlock, VisionTransformer
from tests.models import zoo
from tests.models.record_zoo import load_torchvision
from tests.models.zoo import Case

KEYS = pytest.mark.requirement("REQ-F-MOD-010")
NUMBERS = pytest.mark.requirement("REQ-F-MOD-011")

NAMES = ["vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32"]
CASES = [
    Case("vit_b_16", (2, 5, 768), part="encoder.layers.encoder_layer_3"),
    Case("vit_b_16", (2, 3, 32, 32), {"image_size": 32, "num_classes": 5, "representation_size": 12}, slow=True),
]


@KEYS
@pytest.mark.parametrize("name", zoo.names("vision_transformer"))
def test_keys_shapes_and_dtypes_are_torchvisions(name):
    zoo.check_keys(name)


@KEYS
def test_every_name_of_the_family_is_recorded():
    assert [p.values[0] for p in zoo.names("vision_transformer")] == NAMES


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
def test_keys_of_version_1_are_read():
    block, other = MLPBlock(3, 5, 0.0), MLPBlock(3, 5, 0.0)
    old = {k.replace("0.", "linear_1.").replace("3.", "linear_2."): v for k, v in block.state_dict().items()}
    assert sorted(old) == ["linear_1.bias", "linear_1.weight", "linear_2.bias", "linear_2.weight"]
    other.load_state_dict(old)
    assert all((other.state_dict()[k] == v).all() for k, v in block.state_dict().items())


@KEYS
def test_patches_can_be_seen_through_several_convolutions():
    stem = [ConvStemConfig(4, 3, 2), ConvStemConfig(8, 3, 2)]
    model = VisionTransformer(8, 4, 1, 2, 16, 32, num_classes=3, conv_stem_configs=stem)
    assert model(medtorch.zeros(2, 3, 8, 8)).shape == (2, 3)
    expected = ["conv_bn_relu_0.0.weight", "conv_bn_relu_1.0.weight", "conv_last.weight"]
    assert [k for k, v in model.conv_proj.state_dict().items() if v.ndim == 4] == expected
