"""Resizing: Pillow's arithmetic on 8 bits, torch's on floats, whole-number nearest neighbour."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PilImage

from medtorch.data import resize
from medtorch.errors import ArgumentError

pytestmark = pytest.mark.requirement("REQ-F-DAT-004")

METHODS = {
    "box": PilImage.Resampling.BOX,
    "bilinear": PilImage.Resampling.BILINEAR,
    "bicubic": PilImage.Resampling.BICUBIC,
    "lanczos": PilImage.Resampling.LANCZOS,
    "nearest": PilImage.Resampling.NEAREST,
}
SIZES = [((17, 23), (8, 5)), ((17, 23), (40, 31)), ((17, 23), (17, 9)), ((64, 48), (32, 32)), ((3, 2), (7, 3))]

RECORDED_BICUBIC = [
    -0.09283447265625,
    0.18756103515625,
    1.176513671875,
    2.619384765625,
    5.441650390625,
    8.471435546875,
    13.39508056640625,
    16.64984130859375,
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_eight_bits_equal_pillow_bit_for_bit_in_every_channel(method, channels, before, after, rng):
    array = rng.integers(0, 256, (*before, channels)).astype(np.uint8)
    resized = resize(array, after, method)
    for channel in range(channels):
        plane = PilImage.fromarray(array[:, :, channel]).resize((after[1], after[0]), METHODS[method])
        assert np.array_equal(resized[:, :, channel], np.asarray(plane))


@pytest.mark.parametrize("method", [name for name in METHODS if name != "nearest"])
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_floats_equal_pillows_float_mode(method, before, after, rng):
    array = rng.normal(size=(*before, 1)).astype(np.float32)
    expected = np.asarray(PilImage.fromarray(array[:, :, 0]).resize((after[1], after[0]), METHODS[method]))
    # Pillow rounds to float32 between its two passes: one more rounding of numbers of size 1 to 4
    assert np.abs(resize(array, after, method)[:, :, 0] - expected).max() < 1e-6


def slow_linear(row, after):
    """torch.nn.functional.interpolate(mode="linear", align_corners=False) by its formula, one value at a time."""
    before = len(row)
    result = []
    for place in range(after):
        source = max((place + 0.5) * before / after - 0.5, 0.0)
        low = int(source)
        part = source - low
        result.append(row[low] * (1 - part) + row[min(low + 1, before - 1)] * part)
    return result


@pytest.mark.parametrize("after", [1, 3, 7, 8, 20])
def test_plain_linear_follows_its_formula(after, rng):
    row = rng.normal(size=7)
    resized = resize(row.reshape(1, 7, 1), (1, after), "bilinear", antialias=False)
    assert np.abs(resized[0, :, 0] - slow_linear(row, after)).max() < 1e-14  # a few roundings of numbers of size 1 to 3


def test_plain_bicubic_equals_numbers_recorded_from_torch():
    # torch 2.13.0: interpolate(arange(5.)**2, size=8, mode="bicubic"), float64, in one row
    row = (np.arange(5.0) ** 2).reshape(1, 5, 1)
    resized = resize(row, (1, 8), "bicubic", antialias=False)[0, :, 0]
    assert np.allclose(resized, RECORDED_BICUBIC, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_floats_equal_torch(mode, antialias, before, after, rng, needs_torch):
    array = rng.normal(size=(*before, 2))
    tensor = needs_torch.from_numpy(array.transpose(2, 0, 1).copy())[None]
    expected = needs_torch.nn.functional.interpolate(tensor, size=after, mode=mode, antialias=antialias)
    resized = resize(array, after, mode, antialias=antialias).transpose(2, 0, 1)
    assert np.abs(resized - expected[0].numpy()).max() < 1e-12


def test_volumes_equal_torch_trilinear(rng, needs_torch):
    array = rng.normal(size=(5, 6, 7, 1))
    tensor = needs_torch.from_numpy(array[None, None, ..., 0])
    expected = needs_torch.nn.functional.interpolate(tensor, size=(9, 4, 7), mode="trilinear")[0, 0].numpy()
    assert np.abs(resize(array, (9, 4, 7), "bilinear", antialias=False)[..., 0] - expected).max() < 1e-12


@pytest.mark.parametrize("before", range(1, 30, 3))
@pytest.mark.parametrize("after", range(1, 40, 5))
def test_nearest_takes_the_pixel_under_the_centre(before, after):
    row = np.arange(before, dtype=np.uint16).reshape(1, before, 1)
    expected = [int((2 * place + 1) * before // (2 * after)) for place in range(after)]
    assert resize(row, (1, after), "nearest")[0, :, 0].tolist() == expected


def test_sixteen_bits_are_rounded_and_stay_sixteen_bits():
    row = np.array([0, 65535], np.uint16).reshape(1, 2, 1)
    resized = resize(row, (1, 4), "bilinear", antialias=False)
    assert resized.dtype == np.uint16
    assert resized[0, :, 0].tolist() == [0, 16384, 49151, 65535]  # 65535/4 = 16383.75, 3*65535/4 = 49151.25


def test_overshoot_of_whole_numbers_is_clipped():
    row = np.array([0, 0, 65535, 65535], np.uint16).reshape(1, 4, 1)
    resized = resize(row, (1, 8), "bicubic")[0, :, 0]
    assert resized.min() == 0
    assert resized.max() == 65535


def test_the_same_size_gives_the_same_pixels(rng):
    array = rng.integers(0, 256, (5, 4, 3)).astype(np.uint8)
    assert np.array_equal(resize(array, (5, 4), "bicubic"), array)


@pytest.mark.parametrize(
    ("size", "arguments", "message"),
    [
        ((4, 4, 4), {}, r"^resize: an array of shape \(5, 4, 3\) \(channel last\) cannot become \(4, 4, 4\)$"),
        ((0, 4), {}, r"cannot become \(0, 4\)$"),
        ((4, 4), {"interpolation": "cubic"}, r"interpolation must be one of nearest, box, .*, not 'cubic'$"),
        ((4, 4), {"interpolation": "lanczos", "antialias": False}, r"^resize: lanczos is always antialiased$"),
    ],
)
def test_wrong_arguments_are_refused(size, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        resize(np.zeros((5, 4, 3), np.uint8), size, **arguments)
