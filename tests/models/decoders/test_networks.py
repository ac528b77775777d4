"""Segmenters over classifiers under segmentation_models_pytorch's keys, with its outputs and gradients."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import pytest

from tests.models import zoo
from tests.models.record_zoo import load_torchvision
from tests.models.zoo import Case

KEYS = pytest.mark.requirement("REQ-F-MOD-032")
NUMBERS = pytest.mark.requirement("REQ-F-MOD-033")

SMALL = {"encoder_name": "resnet18"}
NARROW = {"decoder_channels": (32, 24, 16, 8, 8)}
CASES = [
    Case("smp_unet", (1, 3, 32, 64), {**SMALL, **NARROW, "classes": 2}),
    Case(
        "smp_unet",
        (1, 1, 50, 70),
        {**SMALL, "decoder_channels": (64, 32, 32, 16, 16), "in_channels": 1, "decoder_attention_type": "scse"},
        gain=1,
    ),
    Case(
        "smp_unet",
        (2, 3, 64, 64),
        {**SMALL, **NARROW, "aux_params": {"classes": 3, "pooling": "max", "dropout": 0.0}},
        train=True,
    ),
    Case(
        "smp_unet",
        (1, 3, 32, 32),
        {"encoder_name": "vgg11_bn", **NARROW, "decoder_interpolation": "bilinear", "activation": "sigmoid"},
    ),
    Case(
        "smp_unet",
        (1, 2, 32, 32),
        {"encoder_name": "densenet121", "in_channels": 2, "encoder_depth": 4, "decoder_channels": (32, 16, 8, 8)},
    ),
    Case("smp_unet", (1, 3, 32, 64), {"encoder_name": "mobilenet_v2", **NARROW, "decoder_use_norm": False}),
    Case("smp_unet", (1, 3, 64, 32), {"encoder_name": "efficientnet-b0", **NARROW, "activation": "softmax2d"}),
    Case("smp_unet", (1, 3, 32, 64), {"encoder_name": "efficientnet-b1", **NARROW}, slow=True),
    Case("smp_unet", (1, 3, 32, 64), {"encoder_name": "efficientnet-b4", **NARROW}, slow=True),
    Case("smp_unet", (1, 3, 32, 64), {"encoder_name": "densenet201", **NARROW}, slow=True),
    Case("smp_unet", (1, 3, 32, 64), {"encoder_name": "resnext101_32x4d", **NARROW}, slow=True),
    Case("smp_unetplusplus", (1, 3, 32, 64), {**SMALL, **NARROW}),
    Case(
        "smp_unetplusplus",
        (1, 3, 16, 16),
        {
            "encoder_name": "vgg13",
            "encoder_depth": 3,
            "decoder_channels": (32, 32, 16),
            "decoder_attention_type": "scse",
        },
    ),
    Case("smp_fpn", (1, 3, 64, 32), SMALL),
    Case(
        "smp_fpn", (1, 3, 64, 32), {"encoder_name": "mobilenet_v2", "decoder_merge_policy": "cat", "encoder_depth": 4}
    ),
    Case("smp_linknet", (1, 3, 64, 32), SMALL),
    Case("smp_linknet", (1, 3, 64, 32), {"encoder_name": "densenet169"}, slow=True),
    Case("smp_pspnet", (1, 3, 64, 48), {**SMALL, "classes": 3}),
    Case("smp_pspnet", (1, 3, 64, 64), {"encoder_name": "efficientnet-b0", "psp_out_channels": 64}),
    Case("smp_deeplabv3", (1, 3, 32, 64), {**SMALL, "decoder_channels": 32}),
    Case(
        "smp_deeplabv3",
        (1, 3, 32, 64),
        {
            "encoder_name": "mobilenet_v2",
            "decoder_channels": 32,
            "encoder_output_stride": 16,
            "decoder_aspp_separable": True,
        },
    ),
    Case("smp_deeplabv3plus", (1, 3, 32, 64), {"encoder_name": "resnet50"}, slow=True),
    Case(
        "smp_deeplabv3plus",
        (1, 3, 64, 64),
        {"encoder_name": "efficientnet-b0", "decoder_channels": 32, "encoder_output_stride": 8},
    ),
    Case(
        "smp_deeplabv3plus",
        (1, 3, 64, 64),
        {**SMALL, "encoder_depth": 3, "decoder_channels": 32, "encoder_output_stride": 8},
    ),
    Case("smp_pan", (1, 3, 128, 128), SMALL),
    Case(
        "smp_pan",
        (1, 3, 128, 128),
        {"encoder_name": "mobilenet_v2", "encoder_output_stride": 32, "encoder_depth": 4},
        slow=True,
    ),
    Case("smp_manet", (1, 3, 32, 64), {**SMALL, **NARROW}),
    Case(
        "smp_manet",
        (1, 3, 16, 16),
        {"encoder_name": "vgg11", "encoder_depth": 4, "decoder_channels": (32, 16, 16, 8)},
        slow=True,
    ),
]


def origin(case: Case) -> Any:
    """segmentation_models_pytorch's model of a case."""
    load_torchvision()  # which that package imports
    smp = importlib.import_module("segmentation_models_pytorch")
    return smp.create_model(case.name.removeprefix("smp_"), encoder_weights=None, **copy.deepcopy(dict(case.config)))


def versions() -> dict[str, str]:
    smp = importlib.import_module("segmentation_models_pytorch")
    return {"segmentation_models_pytorch": smp.__version__}


@NUMBERS
@KEYS
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_keys_outputs_and_gradients_are_those_recorded(case):
    zoo.check_recorded(case)


@NUMBERS
@pytest.mark.parametrize("case", zoo.params([case for case in CASES if not case.train]))
def test_the_compiled_network_gives_the_same(case):
    zoo.check_compiled(case)


@pytest.mark.needs("package:segmentation_models_pytorch")
@pytest.mark.slow
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_the_origins_own_weights_load_and_give_its_outputs_and_gradients(case, needs_torch):
    needs_torch.manual_seed(0)
    zoo.check_origin(case, needs_torch, origin(case))
