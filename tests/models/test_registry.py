"""Models by name."""

from __future__ import annotations

import pytest

import medtorch
from medtorch.errors import ArgumentError, UnsupportedError
from medtorch.models import get_model, get_model_builder, list_models, medical, vgg
from tests.models import zoo

pytestmark = pytest.mark.requirement("REQ-F-MOD-001")

# Input and output shapes of every model that the registry lists, but for those recorded from torchvision with their
# outputs: a new one without a row here or there fails the first test.
SHAPES = {
    **{f"cifar_resnet{n}": ((2, 3, 32, 32), (2, 10)) for n in (20, 32, 44, 56, 110)},
    **{f"resnet{n}": ((1, 3, 64, 64), (1, 1000)) for n in (18, 34, 50, 101, 152)},
    **dict.fromkeys(("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"), ((1, 3, 64, 64), (1, 1000))),
    **dict.fromkeys(("wide_resnet50_2", "wide_resnet101_2"), ((1, 3, 64, 64), (1, 1000))),
    "espnet": ((1, 3, 32, 64), (1, 20, 32, 64)),
    "espnet_encoder": ((1, 3, 32, 64), (1, 20, 4, 8)),
    "lenet": ((2, 1, 32, 32), (2, 10)),
    "meshnet": ((1, 1, 8, 8, 8), (1, 3, 8, 8, 8)),
    "pnet": ((1, 3, 24, 24), (1, 4, 7, 7)),
    "tinyvgg": ((1, 3, 64, 64), (1, 3)),
    "unet": ((1, 1, 32, 32), (1, 1, 32, 32)),
    "wnet": ((1, 3, 32, 32), (1, 1, 32, 32)),
}
HEAVY = {"resnet101", "resnet152", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet101_2", "wide_resnet50_2"}


def test_every_listed_model_has_its_shapes_written_down():
    recorded = zoo.recorded()
    assert set(list_models()) == set(SHAPES) | set(recorded["models"]) | {case.split()[0] for case in recorded["cases"]}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in HEAVY else ()) for n in SHAPES])
def test_a_model_gives_the_shape_it_should(name):
    taken, given = SHAPES[name]
    model = get_model(name).eval()
    with medtorch.inference_mode():
        out = model(medtorch.zeros(taken))
    assert (out[0] if isinstance(out, tuple) else out).shape == given


def test_names_are_listed_by_pattern():
    assert list_models(include="resnet1*") == ["resnet101", "resnet152", "resnet18"]
    assert list_models(include="resnet*", exclude=["*1*"]) == ["resnet34", "resnet50"]
    with pytest.raises(
        ArgumentError, match="list_models: module must be a module, got 'resnet'; patterns go to include"
    ):
        list_models("resnet")


def test_names_are_listed_by_module():
    assert list_models(vgg) == [f"vgg{n}{bn}" for n in (11, 13, 16, 19) for bn in ("", "_bn")]
    assert {"unetr", "segresnet"} < set(list_models(medical))
    assert "resnet18" not in list_models(medical)


def test_letters_of_a_name_may_be_large():
    assert get_model_builder("ResNet18") is get_model_builder("resnet18")


def test_num_classes_is_understood_by_all():
    assert get_model("vnet", spatial_dims=2, num_classes=3).out_tr.conv2.out_channels == 3
    with pytest.raises(ArgumentError, match="got an unexpected keyword argument 'num_classes'"):
        get_model("vnet", num_classes=3, out_channels=3)


def test_unknown_names_arguments_and_weights_are_refused():
    with pytest.raises(ArgumentError, match="get_model: unknown model 'resnet19'; have alexnet, attention_unet, "):
        get_model("resnet19")
    with pytest.raises(ArgumentError, match="got an unexpected keyword argument 'classes'"):
        get_model("lenet", classes=3)
    with pytest.raises(ArgumentError, match=r"get_model: resnet18: .* got an unexpected keyword argument 'classes'"):
        get_model("resnet18", classes=3)
    with pytest.raises(UnsupportedError, match="no weights come with medtorch; load a bundle"):
        get_model("resnet18", weights="DEFAULT")
