"""Networks for medical images under MONAI's keys, with MONAI's outputs and gradients."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import pytest

import medtorch
from medtorch.models import get_model
from tests.models import zoo
from tests.models.zoo import Case

KEYS = pytest.mark.requirement("REQ-F-MOD-030")
NUMBERS = pytest.mark.requirement("REQ-F-MOD-031")

CLASSES = {
    "attention_unet": "AttentionUnet",
    "basic_unet": "BasicUNet",
    "basic_unet_plus_plus": "BasicUNetPlusPlus",
    "dynunet": "DynUNet",
    "monai_unet": "UNet",
    "monai_vit": "ViT",
    "segresnet": "SegResNet",
    "segresnet_ds": "SegResNetDS",
    "segresnet_vae": "SegResNetVAE",
    "swin_unetr": "SwinUNETR",
    "unetr": "UNETR",
    "vnet": "VNet",
}

SMALL = {"features": (4, 4, 8, 8, 16, 4)}
FLAT = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}
SOLID = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2}
TOKENS = {"feature_size": 4, "hidden_size": 24, "mlp_dim": 32, "num_heads": 4}
CASES = [
    Case(
        "monai_unet",
        (1, 1, 16, 16, 16),
        {**SOLID, "channels": (4, 8, 16), "strides": (2, 2), "num_res_units": 2, "norm": "batch"},
    ),
    Case(
        "monai_unet",
        (2, 1, 32, 16),
        {**FLAT, "channels": (4, 8, 8, 16), "strides": (2, 2, 1), "num_res_units": 2, "norm": "batch"},
        train=True,
    ),
    Case(
        "monai_unet",
        (1, 1, 20, 24),
        {
            **FLAT,
            "channels": (4, 8, 16),
            "strides": (2, 2),
            "kernel_size": (3, 5),
            "act": ("leakyrelu", {"negative_slope": 0.1}),
            "norm": ("group", {"num_groups": 2}),
            "adn_ordering": "AND",
            "bias": False,
        },
    ),
    Case("basic_unet", (1, 1, 32, 32), {"spatial_dims": 2, **SMALL}),
    Case("basic_unet", (1, 1, 37, 33), {"spatial_dims": 2, **SMALL, "upsample": "nontrainable"}),
    Case(
        "basic_unet",
        (1, 1, 32, 36),
        {"spatial_dims": 2, **SMALL, "upsample": "pixelshuffle", "norm": "batch", "act": "swish"},
    ),
    Case("basic_unet", (1, 1, 32, 32, 32), {**SMALL, "upsample": "deconvgroup"}, slow=True),
    Case("basic_unet_plus_plus", (1, 1, 32, 32), {"spatial_dims": 2, **SMALL, "deep_supervision": True}),
    Case(
        "dynunet",
        (1, 1, 32, 32),
        {
            **FLAT,
            "kernel_size": (3, 3, 3, 3),
            "strides": (1, 2, 2, 2),
            "upsample_kernel_size": (2, 2, 2),
            "filters": (4, 8, 8, 16),
        },
    ),
    Case(
        "dynunet",
        (2, 1, 32, 32),
        {
            **FLAT,
            "kernel_size": (3, 3, 3, 3, 3),
            "strides": (1, 2, 2, 2, 2),
            "upsample_kernel_size": (2, 2, 2, 2),
            "filters": (4, 8, 8, 16, 16),
            "deep_supervision": True,
            "deep_supr_num": 2,
            "res_block": True,
        },
        train=True,
    ),
    Case(
        "dynunet",
        (1, 1, 8, 16, 16),
        {
            **SOLID,
            "kernel_size": ((1, 3, 3), (3, 3, 3), 3),
            "strides": (1, (1, 2, 2), 2),
            "upsample_kernel_size": ((1, 2, 2), 2),
            "filters": (4, 8, 8),
            "res_block": True,
            "trans_bias": True,
        },
    ),
    Case("segresnet", (1, 1, 16, 16, 16)),
    Case(
        "segresnet",
        (1, 4, 16, 24),
        {
            "spatial_dims": 2,
            "in_channels": 4,
            "out_channels": 3,
            "norm": ("batch", {}),
            "act": "prelu",
            "upsample_mode": "deconv",
            "dropout_prob": 0.2,
        },
    ),
    Case(
        "segresnet",
        (1, 1, 16, 24),
        {
            "spatial_dims": 2,
            "use_conv_final": False,
            "upsample_mode": "pixelshuffle",
            "norm_name": "group",
            "num_groups": 4,
        },
    ),
    Case("segresnet_vae", (1, 1, 32, 32), {"spatial_dims": 2, "input_image_size": (32, 32)}),
    Case(
        "segresnet_vae",
        (1, 1, 32, 32),
        {"spatial_dims": 2, "input_image_size": (32, 32), "vae_default_std": 0.0},
        train=True,
    ),
    Case("segresnet_ds", (1, 1, 16, 16, 16), {"init_filters": 8}),
    Case(
        "segresnet_ds",
        (1, 1, 32, 32, 16),
        {"init_filters": 8, "resolution": (0.5, 0.5, 1.6), "dsdepth": 3, "norm": "instance"},
        train=True,
    ),
    Case(
        "segresnet_ds",
        (1, 1, 32, 24),
        {
            "spatial_dims": 2,
            "init_filters": 8,
            "dsdepth": 2,
            "upsample_mode": "nontrainable",
            "blocks_down": (1, 1, 2),
            "norm": ("group", {"num_groups": 4}),
        },
    ),
    Case("segresnet_ds", (1, 1, 7, 9), {"spatial_dims": 2, "init_filters": 8, "blocks_down": (2,)}),
    Case(
        "vnet", (1, 2, 32, 32), {"spatial_dims": 2, "in_channels": 2, "out_channels": 3, "act": "prelu", "bias": True}
    ),
    Case("vnet", (1, 1, 16, 16, 16), slow=True),
    Case("attention_unet", (1, 1, 16, 24), {**FLAT, "channels": (4, 8, 16), "strides": (2, 2)}),
    Case(
        "attention_unet",
        (1, 1, 8, 8, 8),
        {**SOLID, "channels": (4, 8), "strides": (2,), "kernel_size": 5, "up_kernel_size": 5},
    ),
    Case("unetr", (1, 1, 32, 32, 32), {"in_channels": 1, "out_channels": 2, "img_size": 32, **TOKENS}),
    Case(
        "unetr",
        (1, 1, 32, 48),
        {
            **FLAT,
            "img_size": (32, 48),
            **TOKENS,
            "proj_type": "perceptron",
            "conv_block": False,
            "res_block": False,
            "qkv_bias": True,
            "norm_name": "batch",
        },
    ),
    Case("swin_unetr", (1, 1, 64, 64), {**FLAT, "feature_size": 12}),
    Case(
        "swin_unetr",
        (1, 1, 96, 64),
        {
            **FLAT,
            "feature_size": 12,
            "use_v2": True,
            "downsample": "mergingv2",
            "patch_norm": True,
            "window_size": (7, 4),
        },
    ),
    Case(
        "swin_unetr",
        (1, 1, 64, 32, 32),
        {"in_channels": 1, "out_channels": 2, "feature_size": 12, "depths": (2, 1, 2, 1)},
        slow=True,
    ),
    Case(
        "monai_vit",
        (1, 1, 32, 32),
        {
            "in_channels": 1,
            "img_size": 32,
            "patch_size": 8,
            "hidden_size": 24,
            "mlp_dim": 32,
            "num_layers": 2,
            "num_heads": 4,
            "spatial_dims": 2,
            "classification": True,
            "num_classes": 3,
        },
    ),
]


def origin(case: Case) -> Any:
    """MONAI's model of a case."""
    return getattr(importlib.import_module("monai.networks.nets"), CLASSES[case.name])(**copy.deepcopy(case.config))


def versions() -> dict[str, str]:
    return {"monai": importlib.import_module("monai").__version__}


@NUMBERS
@KEYS
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_keys_outputs_and_gradients_are_those_recorded_from_monai(case):
    zoo.check_recorded(case)


@NUMBERS
@pytest.mark.parametrize("case", zoo.params([case for case in CASES if not case.train]))
def test_the_compiled_network_gives_the_same(case):
    zoo.check_compiled(case)


@pytest.mark.needs("package:monai")
@pytest.mark.slow
@pytest.mark.parametrize("case", zoo.params(CASES))
def test_monais_own_weights_load_and_give_its_outputs_and_gradients(case, needs_torch):
    needs_torch.manual_seed(0)
    zoo.check_origin(case, needs_torch, origin(case))


@KEYS
@pytest.mark.parametrize("case", zoo.params([case for case in CASES if case.name != "segresnet_vae"][:4]))
def test_fresh_networks_give_finite_numbers(case):
    model = get_model(case.name, **case.config).eval()
    with medtorch.inference_mode():
        (first, *_) = zoo.outputs(model(medtorch.ones(case.shape)))
    assert bool(medtorch.isfinite(first).all())
