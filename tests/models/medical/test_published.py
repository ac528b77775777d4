"""Networks of the kinds and sizes that published bundles of MONAI's model zoo hold give MONAI's keys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from medtorch import nn
from medtorch.models import get_model
from tests.models import zoo

pytestmark = pytest.mark.requirement("REQ-F-MOD-030")

VISTA = {"spatial_dims": 3, "in_channels": 1}
# Name of the network, its arguments in the forms that a bundle's configuration has, and of MONAI 1.6.1's network the
# number of entries and the start of the sha256 over `key shape dtype` lines.
PUBLISHED: dict[str, tuple[str, dict[str, Any], tuple[int, str]]] = {
    "spleen in CT, U-Net": (
        "monai_unet",
        {
            **VISTA,
            "out_channels": 2,
            "channels": [16, 32, 64, 128, 256],
            "strides": [2, 2, 2, 2],
            "num_res_units": 2,
            "norm": "batch",
        },
        (148, "649a70c2f9fcc9e6"),
    ),
    "prostate in MRI, U-Net": (
        "monai_unet",
        {
            **VISTA,
            "out_channels": 3,
            "channels": [16, 32, 64, 128, 256, 512],
            "strides": [2, 2, 2, 2, 2],
            "num_res_units": 4,
            "norm": "batch",
            "act": "prelu",
            "dropout": 0.15,
        },
        (278, "02516dabe275cbd8"),
    ),
    "ventricles in MRI, flat U-Net": (
        "monai_unet",
        {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 4,
            "channels": [16, 32, 64, 128, 256],
            "strides": [2, 2, 2, 2],
            "num_res_units": 2,
        },
        (63, "1b50ca44725c4822"),
    ),
    "brain tumour in MRI, SegResNet": (
        "segresnet",
        {
            "spatial_dims": 3,
            "blocks_down": [1, 2, 2, 4],
            "blocks_up": [1, 1, 1],
            "init_filters": 16,
            "in_channels": 4,
            "out_channels": 3,
            "dropout_prob": 0.2,
        },
        (83, "069f499a7bdecd24"),
    ),
    "105 organs in CT, SegResNet": (
        "segresnet",
        {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 105,
            "init_filters": 32,
            "blocks_down": [1, 2, 2, 4],
            "blocks_up": [1, 1, 1],
            "dropout_prob": 0.2,
        },
        (83, "08e7b972694c9a18"),
    ),
    "abdomen in CT, Swin UNETR": (
        "swin_unetr",
        {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 14,
            "feature_size": 48,
            "use_checkpoint": True,
        },
        (159, "1d31e45c810212a4"),
    ),
    "abdomen in CT, UNETR": (
        "unetr",
        {
            "in_channels": 1,
            "out_channels": 14,
            "img_size": [96, 96, 96],
            "feature_size": 16,
            "hidden_size": 768,
            "mlp_dim": 3072,
            "num_heads": 12,
            "norm_name": "instance",
            "res_block": True,
            "conv_block": True,
            "dropout_rate": 0.0,
        },
        (194, "b617700e4c0e5922"),
    ),
    "spleen in CT, clicked, DynUNet": (
        "dynunet",
        {
            "spatial_dims": 3,
            "in_channels": 3,
            "out_channels": 2,
            "kernel_size": [[3, 3, 3]] * 6,
            "strides": [[1, 1, 1]] + [[2, 2, 2]] * 4 + [[2, 2, 1]],
            "upsample_kernel_size": [[2, 2, 2]] * 4 + [[2, 2, 1]],
            "norm_name": "instance",
            "deep_supervision": False,
            "res_block": True,
        },
        (68, "213c878e04ffbf1a"),
    ),
    "pancreas in CT, DynUNet": (
        "dynunet",
        {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 3,
            "kernel_size": [[3, 3, 1], [3, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
            "strides": [[1, 1, 1], [2, 2, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 1]],
            "upsample_kernel_size": [[2, 2, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 1]],
            "norm_name": ["INSTANCE", {"affine": True}],
            "deep_supervision": True,
            "deep_supr_num": 3,
        },
        (156, "d852876d6ae70d0a"),
    ),
    "any organ, SegResNetDS": (
        "segresnet_ds",
        {
            "spatial_dims": 3,
            "init_filters": 32,
            "in_channels": 1,
            "out_channels": 2,
            "act": ["relu", {"inplace": True}],
            "norm": ["instance", {"affine": True}],
            "blocks_down": [1, 2, 2, 4, 4],
            "dsdepth": 4,
            "resolution": [0.7, 0.7, 3.0],
        },
        (119, "9c697fc278810d84"),
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_arguments_as_in_a_configuration_file_give_monais_keys(name):
    model, config, recorded = PUBLISHED[name]
    with nn.init.skip_init():
        state = get_model(model, **json.loads(json.dumps(config))).state_dict()
    assert tuple(zoo.keys(state)) == recorded
