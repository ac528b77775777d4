"""Layers told by a name, and what networks refuse."""

from __future__ import annotations

import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError
from medtorch.models import get_model
from medtorch.models.medical.layers import activation, dropout, norm, same_padding, spread
from medtorch.models.medical.segresnet_ds import scales_for_resolution
from medtorch.models.medical.upsample import SubpixelUpsample, UpSample

pytestmark = pytest.mark.requirement("REQ-F-MOD-030")


def test_a_layer_is_told_by_name_or_by_name_and_arguments():
    assert isinstance(norm("BATCH", 3, 4), nn.BatchNorm3d)
    grouped = norm(["group", {"num_groups": 2}], 2, 4)
    assert isinstance(grouped, nn.GroupNorm)
    assert (grouped.num_groups, grouped.num_channels) == (2, 4)
    assert isinstance(norm("", 2, 4), nn.Identity)
    assert activation(("leakyrelu", {"negative_slope": 0.3})).negative_slope == 0.3
    assert [type(dropout(0.1, dims)) for dims in (1, 2, 3)] == [nn.Dropout, nn.Dropout2d, nn.Dropout3d]
    assert isinstance(dropout(("alphadropout", {"p": 0.1}), 1), nn.AlphaDropout)


def test_swish_is_x_times_its_sigmoid():
    x = medtorch.tensor([-1.0, 0.0, 2.0], dtype=medtorch.float64)
    expected = [-1 / (1 + 2.718281828459045), 0.0, 2 / (1 + 2.718281828459045**-2)]
    for name in ("swish", "memswish"):
        assert activation(name)(x).tolist() == pytest.approx(expected, abs=1e-15)


def test_unknown_layers_are_refused():
    with pytest.raises(UnsupportedError, match=r"norm: have batch, group, .* not 'batsh'"):
        norm("batsh", 2, 4)
    with pytest.raises(UnsupportedError, match=r"act: have celu, .* not 'geglu'"):
        activation("geglu")
    with pytest.raises(UnsupportedError, match="dropout: have dropout, alphadropout, not 'drop'"):
        dropout("drop", 2)
    with pytest.raises(ArgumentError, match="act: needs a name or a pair of a name and its arguments, got 3"):
        activation(3)
    with pytest.raises(ArgumentError, match="norm: batch: got an unexpected keyword argument 'groups'"):
        norm(("batch", {"groups": 3}), 2, 4)


def test_the_size_stays_or_it_is_said_that_it_cannot():
    assert same_padding(3) == 1
    assert same_padding((3, 5), 2) == (2, 4)
    with pytest.raises(ArgumentError, match="no padding keeps the size with kernel_size=2 and dilation=1"):
        same_padding(2)
    with pytest.raises(ArgumentError, match=r"kernel_size needs 3 values, got \(1, 2\)"):
        spread((1, 2), 3, "kernel_size")


def test_coarse_axes_wait_until_the_others_are_as_coarse():
    assert scales_for_resolution((0.5, 0.5, 2.1), 4) == [(2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 2)]
    assert scales_for_resolution((1, 1), 2) == [(2, 2), (2, 2)]


def test_pixels_of_subpixel_upsampling_come_from_channels():
    layer = SubpixelUpsample(2, 4, conv_block=None, apply_pad_pool=False)
    made = layer(medtorch.arange(16.0).reshape(1, 4, 2, 2))
    assert made.tolist() == [[[[0, 4, 1, 5], [8, 12, 9, 13], [2, 6, 3, 7], [10, 14, 11, 15]]]]
    with pytest.raises(ShapeError, match=r"SubpixelUpsample: 3 channels are no multiple of 2\^2"):
        layer(medtorch.ones(1, 3, 2, 2))


def test_pixels_of_subpixel_upsampling_start_alike():
    weight = SubpixelUpsample(2, 3, 2).conv_block.weight
    assert weight.shape == (8, 3, 3, 3)
    assert bool((weight[:4] == weight[:1]).all())
    assert not bool((weight[4] == weight[0]).all())


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("monai_unet", {"channels": [4], "strides": []}, "UNet: needs two channels or more"),
        ("monai_unet", {"channels": [4, 8], "strides": [2, 2]}, "UNet: 2 channels need 1 strides, got"),
        ("attention_unet", {"channels": [4, 8], "strides": []}, "AttentionUnet: needs two channels or more"),
        ("basic_unet", {"features": [4, 8]}, "BasicUNet: features needs 6 widths"),
        ("vnet", {"in_channels": 3}, "VNet: in_channels must divide 16, got 3"),
        ("vnet", {"spatial_dims": 1}, "spatial_dims must be one of 2, 3, got 1"),
        ("segresnet", {"norm_name": "batch"}, "SegResNet: norm_name can only be 'group'"),
        ("segresnet", {"blocks_up": [1, 1, 1, 1]}, "SegResNet: 4 levels have 3 ways up"),
        ("segresnet", {"upsample_mode": "linear"}, "UpSample: mode must be one of deconv, "),
        ("segresnet_ds", {"blocks_up": [1]}, "SegResNetDS: 4 levels have 3 ways up"),
        ("segresnet_ds", {"resolution": (0, 1, 1)}, "SegResNetDS: resolution must be positive"),
        ("unetr", {"img_size": 8}, r"an image of \(8, 8, 8\) is smaller than a patch of \(16, 16, 16\)"),
        ("unetr", {"img_size": 40, "proj_type": "perceptron"}, "proj_type 'perceptron' needs sizes"),
        ("unetr", {"img_size": 32, "proj_type": "linear"}, "proj_type must be 'conv' or 'perceptron', got 'linear'"),
        ("unetr", {"img_size": 32, "num_heads": 5}, "ViT: 5 heads do not divide a hidden_size of 768"),
        ("unetr", {"img_size": 32, "dropout_rate": 2}, "UNETR: dropout_rate must lie between 0 and 1, got 2"),
        ("swin_unetr", {"feature_size": 16}, "SwinUNETR: 12 must divide feature_size, got 16"),
        ("swin_unetr", {"drop_rate": -1}, "SwinUNETR: drop_rate must lie between 0 and 1, got -1"),
        ("swin_unetr", {"depths": [2, 2]}, "SwinTransformer: needs 4 depths and num_heads"),
        ("swin_unetr", {"downsample": "pool"}, "SwinTransformer: downsample must be one of merging, mergingv2"),
    ],
)
def test_impossible_networks_are_refused(name, config, message):
    needed = {} if "spatial_dims" in config else {"spatial_dims": 3}
    if name in ("monai_unet", "attention_unet", "unetr", "swin_unetr"):
        needed |= {"in_channels": 1, "out_channels": 2}
    with nn.init.skip_init(), pytest.raises(ArgumentError, match=message):
        get_model(name, **needed, **config)


def test_dynunet_says_what_its_levels_need():
    told = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2}
    three = {"kernel_size": [3] * 3, "strides": [1, 2, 2], "upsample_kernel_size": [2, 2]}
    with pytest.raises(ArgumentError, match=r"DynUNet: needs 3 levels or more.*got 2, 2 and 1"):
        get_model("dynunet", **told, kernel_size=[3] * 2, strides=[1, 2], upsample_kernel_size=[2])
    with pytest.raises(ArgumentError, match="DynUNet: of 3 levels 1 to 1 can be supervised, got 2"):
        get_model("dynunet", **told, **three, deep_supervision=True, deep_supr_num=2)
    with pytest.raises(ArgumentError, match="DynUNet: 3 levels need 3 filters"):
        get_model("dynunet", **told, **three, filters=[8])
    with pytest.raises(ArgumentError, match="no padding fits kernel_size=1 with stride=3"):
        get_model("dynunet", **told, kernel_size=[3, 3, 1], strides=[1, 2, 3], upsample_kernel_size=[2, 3])


def test_sizes_that_do_not_fit_are_refused_before_anything_is_computed():
    with nn.init.skip_init():
        swin = get_model("swin_unetr", spatial_dims=2, in_channels=1, out_channels=2, feature_size=12)
        scored = get_model("segresnet_ds", spatial_dims=2, init_filters=8)
    with pytest.raises(ShapeError, match=r"SwinUNETR: sizes \(32, 33\) must be multiples of 32"):
        swin(medtorch.zeros(1, 1, 32, 33))
    with pytest.raises(ShapeError, match=r"SegResNetDS: sizes \(12, 8\) must be multiples of \[8, 8\]"):
        scored(medtorch.zeros(1, 1, 12, 8))


def test_what_is_not_here_is_an_error():
    for name in ("use_hyena", "use_flash_attention"):
        with pytest.raises(UnsupportedError, match="SwinUNETR: use_hyena and use_flash_attention are not here"):
            get_model("swin_unetr", in_channels=1, out_channels=2, **{name: True})


def test_upsampling_modes_say_what_they_need():
    with pytest.raises(ArgumentError, match="UpSample: without pre_conv the channels stay as they are"):
        UpSample(2, 4, 2, mode="nontrainable", pre_conv=None)
    with pytest.raises(ArgumentError, match="UpSample: pre_conv is a module, 'default' or None, got 'other'"):
        UpSample(2, 4, 2, mode="nontrainable", pre_conv="other")
    with pytest.raises(ArgumentError, match="SubpixelUpsample: scale_factor must be positive, got 0"):
        SubpixelUpsample(2, 4, scale_factor=0)


def test_weights_of_attention_are_kept_where_asked():
    told = {"spatial_dims": 2, "img_size": 16, "in_channels": 1, "patch_size": 8, "hidden_size": 8, "num_heads": 2}
    model = get_model("monai_vit", **told, mlp_dim=8, num_layers=1, save_attn=True).eval()
    _, states = model(medtorch.ones(1, 1, 16, 16))
    kept = model.blocks[0].attn.att_mat
    assert kept.shape == (1, 2, 4, 4)
    assert bool((kept.sum(-1) - 1).abs().max() < 1e-6)
    assert len(states) == 1
