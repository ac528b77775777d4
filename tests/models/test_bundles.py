"""Checkpoints of other people's segmenters become bundles that segment images."""

from __future__ import annotations

import json

import numpy as np
import pytest

import medtorch
from medtorch.models import get_model
from medtorch.serialize import Input, save_torch
from medtorch.serve import save_bundle
from tests.cli.commands import here
from tests.models import zoo
from tests.serve.bundles import COMMON

pytestmark = pytest.mark.requirement("REQ-F-MOD-037")

FLAT = {"spatial_dims": 2, "in_channels": 1, "out_channels": 3}
SMP = {"encoder_name": "resnet18", "in_channels": 1, "classes": 3}
WIDTHS = {"channels": [4, 8, 16], "strides": [2, 2]}
SEGMENTERS = {
    "monai_unet": {**FLAT, **WIDTHS, "num_res_units": 2, "norm": "batch"},
    "attention_unet": {**FLAT, **WIDTHS},
    "basic_unet": {**FLAT, "features": [4, 4, 8, 8, 16, 4]},
    "basic_unet_plus_plus": {**FLAT, "features": [4, 4, 8, 8, 16, 4]},
    "dynunet": {
        **FLAT,
        "kernel_size": [3, 3, 3],
        "strides": [1, 2, 2],
        "upsample_kernel_size": [2, 2],
        "filters": [4, 8, 8],
    },
    "segresnet": FLAT,
    "segresnet_ds": {**FLAT, "init_filters": 8},
    "segresnet_vae": {**FLAT, "input_image_size": [64, 64]},
    "swin_unetr": {**FLAT, "feature_size": 12},
    "unetr": {**FLAT, "img_size": 64, "feature_size": 4, "hidden_size": 24, "mlp_dim": 32, "num_heads": 4},
    "smp_deeplabv3": {**SMP, "decoder_channels": 16},
    "smp_deeplabv3plus": {**SMP, "decoder_channels": 8},
    "smp_fpn": SMP,
    "smp_linknet": SMP,
    "smp_unet": {**SMP, "decoder_channels": [32, 16, 8, 8, 8]},
    "lraspp_mobilenet_v3_large": {"num_classes": 3},
}
QUICK = {"monai_unet", "basic_unet_plus_plus", "segresnet_vae", "smp_unet", "lraspp_mobilenet_v3_large"}
LABELS = ("background", "organ", "lesion")


def made(name):
    """A segmenter with numbers of its own."""
    with medtorch.nn.init.skip_init():
        model = get_model(name, **SEGMENTERS[name])
    arrays = zoo.filled(model.state_dict())
    model.load_state_dict(
        {k: medtorch.tensor(arrays[k], dtype=v.dtype) if k in arrays else v for k, v in model.state_dict().items()}
    )
    return model.eval()


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in SEGMENTERS])
def test_a_segmenter_in_a_bundle_marks_each_pixel_with_its_best_label(name, tmp_path):
    model = made(name)
    channels = 3 if name.startswith("lraspp") else 1
    first = [{"op": "to_rgb"}] if channels == 3 else [{"op": "grayscale"}]
    digest = save_bundle(
        tmp_path / "bundle",
        **COMMON,
        model=model,
        architecture=name,
        arguments=SEGMENTERS[name],
        name=name.replace("_", "-"),
        task="segmentation",
        inputs=[Input("image", "NCHW", (None, channels, None, None))],
        preprocessing=[*first, {"op": "to_float"}],
        labels=LABELS,
        postprocessing=[{"op": "softmax"}, {"op": "argmax"}],
        golden_inputs={"random": medtorch.rand(1, channels, 64, 64)},
    )
    image = (zoo.uniform(7, (64, 64, channels)) * 127 + 128).astype(np.uint8)
    found = medtorch.load_bundle(tmp_path / "bundle", sha256=digest).predict(image)
    x = medtorch.tensor(np.moveaxis(image, -1, 0)[None].astype(np.float32) / 255)
    with medtorch.inference_mode():
        (scores,) = zoo.outputs(model(x))
    assert found.mask.shape == (64, 64)
    assert (found.mask == scores[0].argmax(0).numpy()).all()
    assert len(np.unique(found.mask)) > 1, "one label everywhere shows nothing"


@pytest.mark.parametrize("name", ["monai_unet", "smp_unet"])
def test_a_checkpoint_is_converted_by_name_and_arguments(name, tmp_path, capsys):
    save_torch({"state_dict": made(name).state_dict()}, tmp_path / "trained.pt")
    told = [part for k, v in SEGMENTERS[name].items() for part in ("--arch-arg", f"{k}={json.dumps(v)}")]
    code, out, err = here(
        capsys, "convert", tmp_path / "trained.pt", "--arch", name, *told, "--out", tmp_path / "bundle"
    )
    assert code == 0, err
    bundle = medtorch.load_bundle(tmp_path / "bundle", sha256=json.loads(out)["sha256"])
    state = made(name).state_dict()
    assert list(bundle.model.state_dict()) == list(state)
    assert all(bool((v == state[k]).all()) for k, v in bundle.model.state_dict().items())
