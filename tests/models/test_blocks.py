"""Blocks that architectures share, and what architectures refuse."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError
from medtorch.models import get_model
from medtorch.models.blocks import MLP, ConvNormActivation, SqueezeExcitation, StochasticDepth, make_divisible
from medtorch.models.segmentation import IntermediateLayers
from medtorch.models.windows import ShiftedWindowAttention, ShiftedWindowAttentionV2, cut, join, strangers

pytestmark = pytest.mark.requirement("REQ-F-MOD-012")


@pytest.mark.parametrize(("width", "expected"), [(11.4, 16), (12, 16), (35, 32), (36, 40), (3, 8), (89.6, 88)])
def test_widths_become_multiples_of_8_that_lose_no_tenth(width, expected):
    assert make_divisible(width, 8) == expected


def test_a_smallest_width_can_be_given():
    assert make_divisible(3, 8, 24) == 24


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (5, 2), ((1, 7), 1), (3, (2, 1)), ((3, 5), (1, 2))])
def test_a_convolution_keeps_the_size(kernel, dilation):
    made = ConvNormActivation(2, 4, kernel, dilation=dilation)
    assert [type(m) for m in made] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert made(medtorch.zeros(2, 2, 11, 13)).shape == (2, 4, 11, 13)


def test_a_convolution_without_a_norm_has_a_bias():
    assert ConvNormActivation(2, 4, norm_layer=None)[0].bias is not None
    assert ConvNormActivation(2, 4)[0].bias is None


def test_excitation_scales_each_channel_by_what_the_means_say(rng):
    block = SqueezeExcitation(4, 2)
    x = rng.normal(size=(2, 4, 3, 5)).astype(np.float32)
    w1, b1 = block.fc1.weight.detach().numpy()[:, :, 0, 0], block.fc1.bias.detach().numpy()
    w2, b2 = block.fc2.weight.detach().numpy()[:, :, 0, 0], block.fc2.bias.detach().numpy()
    hidden = np.maximum(x.mean((2, 3)) @ w1.T + b1, 0)
    scale = 1 / (1 + np.exp(-(hidden @ w2.T + b2)))
    assert np.abs(block(medtorch.tensor(x)).detach().numpy() - x * scale[:, :, None, None]).max() < 1e-6


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_a_branch_is_left_out_whole_or_scaled_up(mode):
    medtorch.manual_seed(3)
    layer, x = StochasticDepth(0.25, mode), medtorch.ones(2000, 1, 2)
    out = layer(x).numpy()
    rows = out.reshape(2000, 2)
    assert (rows[:, 0] == rows[:, 1]).all()
    assert set(np.unique(rows)) <= {np.float32(0), np.float32(1 / 0.75)}
    if mode == "row":
        assert abs((rows[:, 0] == 0).mean() - 0.25) < 0.04  # 4 deviations of a mean of 2000
    else:
        assert len(np.unique(rows)) == 1
    assert layer.eval()(x) is x


def test_an_mlp_ends_without_activation():
    kinds = [type(m) for m in MLP(4, [8, 2], norm_layer=nn.LayerNorm, activation_layer=nn.GELU)]
    assert kinds == [nn.Linear, nn.LayerNorm, nn.GELU, nn.Dropout, nn.Linear, nn.Dropout]


def test_windows_are_cut_and_joined():
    x = medtorch.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    windows = cut(x, (2, 3))
    assert windows.shape == (8, 6, 3)
    assert windows[1].tolist() == x[0, :2, 3:].reshape(6, 3).tolist()
    assert join(windows, (2, 3), 4, 6).tolist() == x.tolist()


def test_pixels_that_rolling_brought_together_do_not_see_each_other():
    apart = strangers((4, 4), (2, 2), (1, 1))
    assert not apart[0].any(), "the first window was whole before"
    assert (apart[3][~np.eye(4, dtype=bool)] == -100).all(), "the last one holds a pixel of each corner"
    assert (apart[1] == np.where(np.arange(4)[:, None] % 2 == np.arange(4)[None] % 2, 0.0, -100.0)).all()


def test_places_of_version_2_are_logarithms_of_differences():
    table = ShiftedWindowAttentionV2(4, (3, 2), (0, 0), 1).relative_coords_table.numpy()
    assert table.shape == (1, 5, 3, 2)
    expected = [-np.log2(9) / 3, -np.log2(5) / 3, 0, np.log2(5) / 3, np.log2(9) / 3]
    assert np.abs(table[0, :, 1, 0] - expected).max() < 1e-6
    assert np.abs(table[0, 0, :, 1] - expected[::2]).max() < 1e-6


def test_impossible_blocks_are_refused():
    with pytest.raises(ArgumentError, match=r"StochasticDepth: p must lie between 0 and 1, got 1\.5"):
        StochasticDepth(1.5, "row")
    with pytest.raises(ArgumentError, match="StochasticDepth: mode must be 'row' or 'batch', got 'column'"):
        StochasticDepth(0.5, "column")
    with pytest.raises(ArgumentError, match="window_size and shift_size need as many numbers"):
        ShiftedWindowAttention(8, (3,), (1, 1), 2)
    with pytest.raises(ArgumentError, match="IntermediateLayers: the model has no member layer9"):
        IntermediateLayers(nn.Sequential(nn.ReLU()), {"layer9": "out"})


def test_impossible_models_are_refused():
    with pytest.raises(ArgumentError, match="MobileNetV2: inverted_residual_setting must hold rows of 4 numbers"):
        get_model("mobilenet_v2", inverted_residual_setting=[(1, 2, 3)])
    with pytest.raises(UnsupportedError, match="DenseNet: memory_efficient=True"):
        get_model("densenet121", memory_efficient=True)
    with pytest.raises(ArgumentError, match="image_size must be a multiple of patch_size, got 30 and 32"):
        get_model("vit_b_32", image_size=30)
    with pytest.raises(UnsupportedError, match="fcn_resnet50: no weights come with medtorch"):
        get_model("fcn_resnet50", weights_backbone="DEFAULT")


def test_a_vision_transformer_takes_the_size_it_was_built_for():
    with nn.init.skip_init():
        vit = get_model("vit_b_32", image_size=64)
    assert vit.seq_length == 5
    with pytest.raises(ShapeError, match="images must be 64 x 64, got"):
        vit(medtorch.zeros(1, 3, 64, 32))
