"""What encoders and decoders give, and what they refuse."""

from __future__ import annotations

import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError
from medtorch.models import get_model
from medtorch.models.decoders import get_encoder, get_encoder_names
from medtorch.models.decoders.efficientnet_encoder import PaddedConv2d
from medtorch.models.decoders.parts import Activation, norm_layer

pytestmark = pytest.mark.requirement("REQ-F-MOD-032")


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "mobilenet_v2", "efficientnet-b0", "densenet121"])
def test_an_encoder_gives_as_many_sizes_as_its_depth_says(name):
    for depth in (2, 4, 5):
        with nn.init.skip_init():
            encoder = get_encoder(name, depth=depth).eval()
        with medtorch.inference_mode():
            features = encoder(medtorch.zeros(1, 3, 64, 32))
        assert [x.shape[2] for x in features] == [64 // 2**i for i in range(depth + 1)]
        assert [x.shape[1] for x in features] == encoder.out_channels


def test_dilation_keeps_the_size_of_the_last_features():
    with nn.init.skip_init():
        encoder = get_encoder("resnet18", output_stride=8).eval()
    with medtorch.inference_mode():
        features = encoder(medtorch.zeros(1, 3, 64, 64))
    assert [x.shape[2] for x in features] == [64, 32, 16, 8, 8, 8]
    assert encoder.layer4[0].conv1.dilation == (4, 4)


def test_padding_is_that_of_the_size_that_a_network_was_designed_for():
    assert PaddedConv2d(1, 1, 3, size=224, stride=2).static_padding.padding == (0, 1, 0, 1)
    assert PaddedConv2d(1, 1, 5, size=15, stride=2).static_padding.padding == (2, 2, 2, 2)
    assert isinstance(PaddedConv2d(1, 1, 1, size=15).static_padding, nn.Identity)


def test_a_norm_is_told_by_truth_name_or_dict():
    assert isinstance(norm_layer(True, 4), nn.BatchNorm2d)
    assert isinstance(norm_layer(False, 4), nn.Identity)
    assert isinstance(norm_layer("InstanceNorm", 4), nn.InstanceNorm2d)
    assert norm_layer({"type": "batchnorm", "momentum": 0.3}, 4).momentum == 0.3
    with pytest.raises(UnsupportedError, match=r"decoder_use_norm: have batchnorm, .*, not 'inplace'"):
        norm_layer("inplace", 4)
    with pytest.raises(ArgumentError, match="decoder_use_norm: a dict needs a 'type'"):
        norm_layer({"momentum": 0.1}, 4)


def test_activations_turn_scores_into_what_they_say():
    x = medtorch.tensor([[[[0.0]], [[2.0]]]])
    assert Activation("argmax2d")(x).tolist() == [[[1]]]
    assert Activation("argmax")(x).item() == 1
    assert Activation("clamp")(x).flatten().tolist() == [0.0, 1.0]
    assert Activation(nn.Tanh)(x).flatten().tolist() == pytest.approx([0.0, 0.9640275800758169], abs=1e-7)
    for name in ("softmax", "softmax2d"):
        assert Activation(name)(x).flatten().tolist() == pytest.approx([0.1192029, 0.8807970], abs=1e-6)
    with pytest.raises(ArgumentError, match=r"activation: have identity, .*, not 'relu'"):
        Activation("relu")


def test_weights_before_0_4_have_other_keys():
    with nn.init.skip_init():
        told = {"encoder_name": "resnet18", "decoder_channels": 8}
        model, other = get_model("smp_deeplabv3", **told), get_model("smp_deeplabv3", **told)
    state = model.state_dict()
    old = {"decoder.aspp": "decoder.0", "decoder.conv": "decoder.1", "decoder.bn": "decoder.2"}
    for new, before in old.items():
        state = {k.replace(new, before): v for k, v in state.items()}
    assert "decoder.0.convs.0.0.weight" in state
    other.load_state_dict(state)
    assert bool((other.decoder.conv.weight == model.decoder.conv.weight).all())


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("smp_unet", {"decoder_channels": (8, 8)}, "Unet: encoder_depth is 5, decoder_channels has 2 widths"),
        ("smp_unet", {"encoder_depth": 6}, "encoder_depth must lie between 1 and 5, got 6"),
        ("smp_unet", {"aux_params": {"classes": 2, "pooling": "sum"}}, "pooling must be 'avg' or 'max', got 'sum'"),
        ("smp_unet", {"encoder_name": "efficientnet-b0", "encoder_depth": 1}, "encoder_depth must lie between 2 and 5"),
        ("smp_fpn", {"encoder_depth": 2}, "FPN: encoder_depth must be at least 3, got 2"),
        ("smp_fpn", {"decoder_merge_policy": "sum"}, "FPN: decoder_merge_policy must be 'add' or 'cat', got 'sum'"),
        ("smp_pan", {"encoder_depth": 2}, "PAN: encoder_depth must be at least 3, got 2"),
        ("smp_pan", {"encoder_output_stride": 8}, "PAN: encoder_output_stride must be 16 or 32, got 8"),
        ("smp_deeplabv3", {"encoder_output_stride": 32}, "DeepLabV3: encoder_output_stride must be 8 or 16, got 32"),
        ("smp_deeplabv3plus", {"encoder_depth": 2}, "DeepLabV3Plus: encoder_depth must be at least 3, got 2"),
    ],
)
def test_impossible_segmenters_are_refused(name, config, message):
    with nn.init.skip_init(), pytest.raises(ArgumentError, match=message):
        get_model(name, **{"encoder_name": "resnet18", **config})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"encoder_name": "timm-resnest14d"}, r"encoder_name: have resnet18, .*, not 'timm-resnest14d'"),
        (
            {"encoder_weights": "imagenet"},
            "encoder_weights: no weights come with medtorch; load a checkpoint of resnet34",
        ),
        ({"decoder_attention_type": "cbam"}, "decoder_attention_type: have 'scse' and None, not 'cbam'"),
        ({"encoder_name": "vgg11"}, "VGGEncoder: its pooling cannot be dilated; output_stride must be 32"),
    ],
)
def test_what_is_not_here_is_an_error(config, message):
    name = "smp_deeplabv3" if config.get("encoder_name") == "vgg11" else "smp_unet"
    with nn.init.skip_init(), pytest.raises(UnsupportedError, match=message):
        get_model(name, **config)


def test_sizes_that_cannot_be_halved_are_refused_but_by_unet():
    with nn.init.skip_init():
        fpn = get_model("smp_fpn", encoder_name="resnet18")
    with pytest.raises(ShapeError, match=r"FPN: sizes \(48, 64\) must be multiples of 32"):
        fpn(medtorch.zeros(1, 3, 48, 64))


def test_every_listed_encoder_has_a_builder():
    assert len(get_encoder_names()) == 32
    with pytest.raises(ArgumentError, match="encoder_output_stride must be 8, 16 or 32, got 4"):
        get_encoder("resnet18", output_stride=4)
