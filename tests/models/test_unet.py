"""U-Net in its configurations."""

from __future__ import annotations

import itertools

import pytest

import medtorch
from medtorch.errors import ArgumentError, ShapeError
from medtorch.models import get_model

pytestmark = pytest.mark.requirement("REQ-F-MOD-004")


@pytest.mark.parametrize(
    ("norm", "up"), list(itertools.product(["batch", "instance", "group", "none"], ["transpose", "interpolate"]))
)
def test_the_output_is_as_large_as_the_input_and_gradients_reach_every_weight(norm, up):
    medtorch.manual_seed(0)
    model = get_model("unet", num_classes=2, in_channels=3, widths=(4, 8, 8), norm=norm, up=up, activation="leaky_relu")
    out = model(medtorch.randn(2, 3, 16, 24))
    assert out.shape == (2, 2, 16, 24)
    (out * medtorch.randn(2, 2, 16, 24)).sum().backward()
    dead = [name for name, p in model.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]
    assert dead == []


def test_volumes_work_as_images_do():
    model = get_model("unet", dims=3, widths=(2, 4), up="interpolate", dropout=0.1).eval()
    with medtorch.inference_mode():
        assert model(medtorch.zeros(1, 1, 4, 6, 8)).shape == (1, 1, 4, 6, 8)


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(ShapeError, match=r"unet: sizes \(30, 32\) must be multiples of 4"):
        get_model("unet", widths=(2, 4, 8))(medtorch.zeros(1, 1, 30, 32))


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"norm": "spectral"}, "unet: norm must be one of batch, instance, group, none, got 'spectral'"),
        ({"activation": "step"}, "unet: activation must be one of relu, "),
        ({"dims": 4}, "unet: dims must be one of 2, 3, got 4"),
        ({"up": "nearest"}, "unet: up must be 'transpose' or 'interpolate', got 'nearest'"),
        ({"widths": ()}, "unet: needs at least one width"),
    ],
)
def test_unknown_configurations_are_refused_by_name(config, text):
    with pytest.raises(ArgumentError, match=text):
        get_model("unet", **config)
