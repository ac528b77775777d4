"""Residual networks under torchvision's keys."""

from __future__ import annotations

import hashlib

import pytest

import medtorch
from medtorch.errors import ArgumentError
from medtorch.models import get_model

pytestmark = pytest.mark.requirement("REQ-F-MOD-002")

# Number of entries, and start of the sha256 over `key shape dtype` lines, of torchvision 0.28.0's models.
RECORDED = {
    "resnet18": (122, "11f76d8656482c93"),
    "resnet34": (218, "6adcd49f2178d075"),
    "resnet50": (320, "14c3929c40dc540d"),
    "resnet101": (626, "0f13b66610123216"),
    "resnet152": (932, "027d8e7bddbac424"),
    "resnext50_32x4d": (320, "e150f6efb9a46694"),
    "resnext101_32x8d": (626, "4e17f8a5928f5635"),
    "resnext101_64x4d": (626, "28d7f28f7ca60821"),
    "wide_resnet50_2": (320, "62665e9100f197a8"),
    "wide_resnet101_2": (626, "84330b7ebd470fb2"),
}
HEAVY = {"wide_resnet50_2", "resnet101", "resnet152", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet101_2"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in HEAVY else ()) for n in RECORDED])
def test_keys_shapes_and_dtypes_are_torchvisions(name):
    state = get_model(name).state_dict()
    text = "\n".join(f"{k} {tuple(v.shape)} {v.dtype.name}" for k, v in state.items())
    assert (len(state), hashlib.sha256(text.encode()).hexdigest()[:16]) == RECORDED[name]


def test_dilation_takes_the_place_of_stride():
    model = get_model("resnet50", replace_stride_with_dilation=[False, True, True]).eval()
    seen = []
    model.layer4.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape)))
    with medtorch.inference_mode():
        model(medtorch.zeros(1, 3, 64, 64))
    assert seen == [(1, 2048, 8, 8)]


def test_options_that_a_block_cannot_follow_are_refused():
    with pytest.raises(
        ArgumentError, match="BasicBlock: groups, width and dilation are fixed at 1, 64, 1; got 2, 64, 1"
    ):
        get_model("resnet18", groups=2)
    with pytest.raises(ArgumentError, match="replace_stride_with_dilation needs 3 answers"):
        get_model("resnet50", replace_stride_with_dilation=[True])


def test_branches_can_start_as_nothing():
    model = get_model("resnet18", zero_init_residual=True)
    assert model.layer1[0].bn2.weight.abs().sum().item() == 0
    assert model.layer1[0].bn1.weight.sum().item() == 64
