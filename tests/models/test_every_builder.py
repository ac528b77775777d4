"""torchvision's builders that the tests of their families run no case of, beside torchvision itself."""

from __future__ import annotations

import pytest

from tests.models import zoo
from tests.models.record_zoo import load_torchvision
from tests.models.zoo import Case

pytestmark = [pytest.mark.requirement("REQ-F-MOD-011"), pytest.mark.slow, pytest.mark.needs("package:torchvision")]

FIVE = {"num_classes": 5}
SMALL = [
    *(
        "shufflenet_v2_x1_5",
        "shufflenet_v2_x2_0",
        "mnasnet0_75",
        "mnasnet1_3",
        "densenet161",
        "densenet169",
        "densenet201",
    ),
    *("regnet_x_800mf", "regnet_x_1_6gf", "regnet_x_3_2gf", "regnet_x_8gf", "regnet_x_16gf", "regnet_x_32gf"),
    *("regnet_y_1_6gf", "regnet_y_3_2gf", "regnet_y_8gf", "regnet_y_16gf", "regnet_y_32gf"),
    *("efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7"),
    *("efficientnet_v2_m", "efficientnet_v2_l"),
]
LARGER = ["swin_s", "swin_b", "swin_v2_s", "swin_v2_b", "convnext_small", "convnext_base", "convnext_large"]
VGG = ["vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg19", "vgg19_bn"]
CASES = [
    *(Case(name, (1, 3, 48, 40), FIVE) for name in SMALL),
    *(Case(name, (1, 3, 64, 48), FIVE) for name in LARGER),
    *(Case(name, (1, 3, 40, 48), part="features") for name in VGG),
    *(
        Case(name, (1, 3, 32, 24), {"num_classes": 3, "aux_loss": True})
        for name in ("deeplabv3_resnet101", "fcn_resnet101")
    ),
    *(Case(name, (1, 3, 32, 32), {**FIVE, "image_size": 32}) for name in ("vit_b_32", "vit_l_16", "vit_l_32")),
    Case("vit_h_14", (1, 5, 1280), part="encoder.layers.encoder_layer_3"),
    Case("regnet_y_128gf", (1, 528, 16, 16), part="trunk_output.block2"),
    Case(
        "googlenet", (2, 3, 64, 64), {**FIVE, "dropout": 0.0, "dropout_aux": 0.0, "transform_input": True}, train=True
    ),
    Case("inception_v3", (2, 3, 299, 299), {**FIVE, "dropout": 0.0, "transform_input": True}, train=True),
]


@pytest.mark.parametrize("case", zoo.params(CASES))
def test_torchvisions_own_weights_load_and_give_its_outputs_and_gradients(case, needs_torch):
    zoo.check_torchvision(case, needs_torch, load_torchvision())
