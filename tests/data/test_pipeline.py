"""Preprocessing as data: real recipes bit for bit, strict parsing, geometry recorded and undone."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image as PilImage

from medtorch import data
from medtorch.errors import ConfigError, DataError

pytestmark = pytest.mark.requirement("REQ-F-DAT-005")

geometry = pytest.mark.requirement("REQ-F-DAT-006")

LENET = [
    {"op": "to_rgb"},
    {"op": "resize", "size": [32, 32]},
    {"op": "grayscale"},
    {"op": "to_float"},
    {"op": "normalize", "mean": [0.5], "std": [0.5]},
]
CIFAR = [
    {"op": "to_rgb"},
    {"op": "resize", "size": [32, 32]},
    {"op": "to_float"},
    {"op": "normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
]
DRIVE = [{"op": "crop_to_region"}, {"op": "resize", "size": [512, 512]}]


def prepared(steps, image, **arguments):
    return data.Pipeline.parse(steps)(image, **arguments)


# ---------------------------------------------------------------- the recipes of real checkpoints


def test_the_chest_xray_recipe_gives_the_recorded_inputs_bit_for_bit(shared_data):
    folder = shared_data / "cxr_pneumonia_lenet"
    with (folder / "labels.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file)]
    recorded = np.load(folder / "reference.npz")["x"]
    found = np.stack([prepared(LENET, data.read(folder / name)).array for name in names])
    assert found.dtype == np.float32
    assert np.array_equal(found, recorded)


def test_the_cifar_recipe_gives_the_recorded_inputs_bit_for_bit(shared_data):
    folder = shared_data / "cifar_resnet"
    recorded = np.load(folder / "reference.npz")["x"]
    found = np.stack([prepared(CIFAR, data.read(folder / name)).array for name in ("cat.70.jpg", "dog.128.jpg")])
    assert np.array_equal(found, recorded)


def test_the_retina_recipe_gives_the_recorded_input_bit_for_bit(shared_data):
    folder = shared_data / "retina_drive_wnet"
    view = data.read(folder / "test/mask/01_test_mask.gif").array[:, :, 0]
    found = prepared(DRIVE, data.read(folder / "test/images/01_test.tif"), region=view)
    assert np.array_equal(found.array, np.load(folder / "reference_wnet_drive.npz")["x"][0])
    assert found.geometry.records[0] == data.geometry.Cropped((584, 565), (533, 535), (31, 16))


def test_the_brain_recipe_scales_by_the_recorded_quantiles(shared_data):
    folder = shared_data / "brain_meshnet3d"
    recorded = np.load(folder / "reference.npz")
    volume = data.read(folder / "t1_crop.nii.gz")
    assert np.array_equal(volume.array[64:192, 64:192, 64:192, 0], recorded["crop"])
    found = prepared([{"op": "scale_quantiles", "low": 0.01, "high": 0.99}], volume).array
    low, high = recorded["q01_q99"]
    expected = (recorded["crop"].astype(np.float32) - low) / (high - low)
    assert np.array_equal(found[0, 64:192, 64:192, 64:192], expected)


# ---------------------------------------------------------------- steps


def test_grey_is_pillows_luma_for_every_kind_of_colour(rng):
    colours = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    expected = np.asarray(PilImage.fromarray(colours).convert("L"))
    assert np.array_equal(prepared([{"op": "grayscale"}], colours).array[0], expected)
    assert np.array_equal(prepared([{"op": "grayscale", "channels": 3}], colours).array, np.stack([expected] * 3))


def test_grey_of_floats_weighs_red_green_and_blue():
    colours = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]], np.float32)
    found = prepared([{"op": "grayscale"}], colours).array[0, 0]
    assert np.array_equal(found, np.array([0.299, 0.587, 0.114], np.float32))


@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535)])
def test_to_float_divides_by_the_full_scale(dtype, full):
    grey = np.array([[0, 1, full]], dtype)
    found = prepared([{"op": "to_float"}], grey).array[0, 0]
    assert found.tolist() == [0.0, float(np.float32(1) / np.float32(full)), 1.0]


def test_to_float_takes_a_divisor_for_twelve_bits_in_sixteen():
    found = prepared([{"op": "to_float", "divisor": 4095}], np.array([[4095]], np.uint16)).array
    assert found[0, 0, 0] == 1.0


def test_to_float_of_signed_pixels_needs_a_divisor():
    with pytest.raises(DataError, match=r"^to_float: the full scale of int16 is not known: give a divisor$"):
        prepared([{"op": "to_float"}], np.array([[-5]], np.int16))


def test_normalize_before_to_float_is_refused():
    with pytest.raises(DataError, match=r"^normalize: the image must be float32 by now, it is uint8: put to_float"):
        prepared([{"op": "normalize", "mean": [0.5], "std": [0.5]}], np.zeros((2, 2), np.uint8))


def test_normalize_with_a_wrong_number_of_channels_is_refused():
    with pytest.raises(DataError, match=r"^normalize: 2 numbers of mean for 3 channels$"):
        prepared([{"op": "normalize", "mean": [0, 0], "std": [1, 1]}], np.zeros((2, 2, 3), np.float32))


def test_standardize_gives_mean_0_and_deviation_1():
    values = np.array([[1.0, 2.0], [3.0, 6.0]], np.float32)
    found = prepared([{"op": "standardize"}], values).array[0]
    expected = (values.astype(np.float64) - 3.0) / np.sqrt((4 + 1 + 0 + 9) / 4)
    assert np.abs(found - expected).max() < 1e-7
    with pytest.raises(DataError, match="standardize: every pixel has the same value"):
        prepared([{"op": "standardize"}], np.ones((2, 2), np.float32))


def test_quantiles_are_interpolated_linearly():
    values = np.arange(101, dtype=np.float32).reshape(1, 101)
    found = prepared([{"op": "scale_quantiles", "low": 0.1, "high": 0.9}], values).array[0, 0]
    assert (found[10], found[90], found[0]) == (0.0, 1.0, -0.125)
    clipped = prepared([{"op": "scale_quantiles", "low": 0.1, "high": 0.9, "clip": True}], values).array
    assert (clipped.min(), clipped.max()) == (0.0, 1.0)


def test_quantiles_of_a_constant_image_are_refused():
    with pytest.raises(DataError, match=r"^scale_quantiles: the quantiles 0.01 and 0.99 are both 7$"):
        prepared([{"op": "scale_quantiles"}], np.full((4, 4), 7, np.uint8))


def test_scale_range_is_an_intensity_window():
    values = np.array([[-200.0, -160.0, 40.0, 240.0, 900.0]], np.float32)
    found = prepared([{"op": "scale_range", "low": -160, "high": 240}], values).array[0, 0]
    assert found.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_clip_bounds_values():
    found = prepared([{"op": "clip", "low": 0, "high": 1}], np.array([[-1.0, 0.5, 2.0]], np.float32)).array
    assert found[0, 0].tolist() == [0.0, 0.5, 1.0]


def test_to_rgb_repeats_grey_and_refuses_two_channels():
    assert prepared([{"op": "to_rgb"}], np.array([[5]], np.uint8)).array[:, 0, 0].tolist() == [5, 5, 5]
    with pytest.raises(DataError, match="to_rgb: an image with 2 channels"):
        prepared([{"op": "to_rgb"}], np.zeros((2, 2, 2), np.uint8))


def test_resize_of_the_shorter_side_keeps_the_proportion():
    image = np.zeros((60, 100, 1), np.uint8)
    assert prepared([{"op": "resize", "size": 30}], image).array.shape == (1, 30, 50)
    assert prepared([{"op": "resize", "size": 30, "max_size": 40}], image).array.shape == (1, 24, 40)
    assert prepared([{"op": "resize", "size": 7}], np.zeros((10, 15, 1), np.uint8)).array.shape == (1, 7, 10)


@pytest.mark.parametrize(
    ("size", "start"),
    [((4, 4), (1, 2)), ((3, 5), (2, 2)), ((6, 7), (0, 0))],  # round((6-3)/2) = round(1.5) = 2, round(0.5) = 0
)
def test_center_crop_rounds_halves_to_even(size, start):
    rows, columns = np.mgrid[0:6, 0:8]
    found = prepared([{"op": "center_crop", "size": list(size)}], (rows * 10 + columns).astype(np.uint8)).array
    assert found.shape == (1, *size)
    assert found[0, 0, 0] == start[0] * 10 + start[1]


def test_center_crop_pads_an_image_that_is_too_small():
    found = prepared([{"op": "center_crop", "size": [5, 2]}], np.full((2, 4), 9, np.uint8)).array[0]
    assert found.tolist() == [[0, 0], [9, 9], [9, 9], [0, 0], [0, 0]]


def test_pad_to_multiple_fills_at_the_end():
    found = prepared([{"op": "pad_to_multiple", "multiple": 4, "value": 3}], np.zeros((5, 8), np.uint8)).array[0]
    assert found.shape == (8, 8)
    assert (found[5:] == 3).all()


def test_pad_modes_are_numpys():
    row = np.array([[1, 2, 3]], np.uint8)
    for mode, expected in (
        ("edge", [1, 1, 1, 2, 3, 3]),
        ("reflect", [3, 2, 1, 2, 3, 2]),
        ("symmetric", [2, 1, 1, 2, 3, 3]),
    ):
        step = {"op": "pad", "before": [0, 2], "after": [0, 1], "mode": mode}
        assert prepared([step], row).array[0, 0].tolist() == expected


def test_padding_with_a_number_that_the_pixels_cannot_hold_is_refused():
    with pytest.raises(DataError, match=r"^pad: value -1 cannot be held by uint8$"):
        prepared([{"op": "pad_to_multiple", "multiple": 4, "value": -1}], np.zeros((5, 8), np.uint8))


def test_a_reflected_margin_wider_than_the_image_is_refused():
    with pytest.raises(DataError, match="pad: reflect needs margins smaller than the image"):
        prepared([{"op": "pad", "before": [3, 0], "after": [0, 0], "mode": "reflect"}], np.zeros((3, 8), np.uint8))


def test_pad_to_size_refuses_a_larger_image():
    with pytest.raises(DataError, match=r"^pad_to_size: an image of \(5, 8\) is larger than \(4, 8\)$"):
        prepared([{"op": "pad_to_size", "size": [4, 8]}], np.zeros((5, 8), np.uint8))


def test_a_crop_that_leaves_the_image_is_refused():
    with pytest.raises(DataError, match=r"^crop: a box of \(4, 4\) from \(2, 0\) does not lie inside .* \(5, 8\)$"):
        prepared([{"op": "crop", "start": [2, 0], "size": [4, 4]}], np.zeros((5, 8), np.uint8))


def test_a_step_for_volumes_on_a_picture_is_refused():
    with pytest.raises(DataError, match=r"^resize: 3 numbers for an image with 2 spatial axes \(5, 8\)$"):
        prepared([{"op": "resize", "size": [4, 4, 4]}], np.zeros((5, 8), np.uint8))


def test_crop_to_foreground_finds_its_box_with_margin():
    image = np.zeros((9, 9), np.uint8)
    image[3:5, 6] = 1
    found = prepared([{"op": "crop_to_foreground", "margin": 1}], image)
    assert found.geometry.records == (data.geometry.Cropped((9, 9), (4, 3), (2, 5)),)
    with pytest.raises(DataError, match="crop_to_foreground: the region is empty"):
        prepared([{"op": "crop_to_foreground"}], np.zeros((9, 9), np.uint8))


def test_a_missing_or_misshapen_region_is_refused():
    with pytest.raises(DataError, match="crop_to_region: no region was handed over"):
        prepared(DRIVE, np.zeros((9, 9), np.uint8))
    with pytest.raises(DataError, match=r"^Pipeline: the image is \(9, 9\), its region \(9, 8\)$"):
        prepared(DRIVE, np.zeros((9, 9), np.uint8), region=np.ones((9, 8)))


def test_the_region_follows_earlier_steps():
    region = np.zeros((8, 8))
    region[2:6, 4:8] = 1
    found = prepared(
        [{"op": "resize", "size": [4, 4]}, {"op": "crop_to_region"}], np.zeros((8, 8), np.uint8), region=region
    )
    assert found.geometry.records[1] == data.geometry.Cropped((4, 4), (2, 2), (1, 2))


# ---------------------------------------------------------------- as data


@pytest.mark.parametrize("steps", [LENET, CIFAR, DRIVE, [{"op": "pad_to_multiple", "multiple": 32, "where": "both"}]])
def test_a_description_survives_the_round_trip(steps):
    pipeline = data.Pipeline.parse(steps)
    assert data.Pipeline.parse(pipeline.describe()) == pipeline


def test_a_description_writes_out_every_argument():
    assert data.Pipeline.parse([{"op": "resize", "size": [4, 6]}]).describe() == [
        {"op": "resize", "size": [4, 6], "interpolation": "bilinear", "antialias": True, "max_size": None}
    ]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("resize", r"^preprocessing: must be a list of steps, not 'resize'$"),
        ([{"op": "to_rgb"}, {"op": "resise"}], r"^preprocessing\[1\]: unknown op 'resise' \(known: to_rgb, grayscale"),
        ([["to_rgb"]], r"^preprocessing\[0\]: must be a mapping with an 'op'"),
        ([{"op": "resize", "sizes": 4}], r"^preprocessing\[0\]: resize has no argument 'sizes' \(has: size, interp"),
        ([{"op": "resize"}], r"^preprocessing\[0\]: resize needs the argument 'size'$"),
        ([{"op": "resize", "size": [4.5, 2]}], r"resize: size must be a whole number of at least 1, not 4.5"),
        ([{"op": "resize", "size": "big"}], r"resize: size must be two or three whole numbers, not 'big'"),
        ([{"op": "resize", "size": True}], r"resize: size must be a whole number of at least 1, not True"),
        (
            [{"op": "resize", "size": [4, 4], "interpolation": "cubic"}],
            r"interpolation must be one of 'nearest'",
        ),
        ([{"op": "resize", "size": [4, 4], "max_size": 9}], r"resize: max_size goes with one number as size"),
        ([{"op": "resize", "size": 4, "max_size": 4}], r"resize: max_size must be a whole number of at least 5, not 4"),
        ([{"op": "resize", "size": 4, "antialias": 1}], r"resize: antialias must be true or false, not 1"),
        (
            [{"op": "resize", "size": 4, "antialias": False, "interpolation": "box"}],
            r"interpolation must be one of 'nearest', 'bilinear', 'bicubic', not 'box'",
        ),
        ([{"op": "normalize", "mean": [0.5], "std": [0]}], r"normalize: std must be above 0, not 0"),
        ([{"op": "normalize", "mean": 0.5, "std": [1]}], r"normalize: mean must be a list of numbers, not 0.5"),
        (
            [{"op": "normalize", "mean": [float("nan")], "std": [1]}],
            r"mean must be a finite number, not nan",
        ),
        ([{"op": "scale_quantiles", "low": 0.9, "high": 0.1}], r"low and high must be \[low, high\], not \(0.9, 0.1\)"),
        ([{"op": "scale_quantiles", "high": 1.5}], r"low and high must be from 0 to 1, not 1.5"),
        ([{"op": "scale_range", "low": 2, "high": 2}], r"scale_range: high - low must be above 0, not 0"),
        ([{"op": "to_float", "divisor": -1}], r"to_float: divisor must be above 0, not -1"),
        ([{"op": "grayscale", "channels": 2}], r"grayscale: channels must be one of 1, 3, not 2"),
        ([{"op": "pad", "before": [1, 1], "after": [1, 1], "mode": "edge", "value": 4}], r"pad: value goes with mode"),
        ([{"op": "to_rgb", "x": 1}], r"to_rgb has no argument 'x' \(has: none\)"),
    ],
)
def test_a_wrong_description_is_refused_with_its_place(steps, message):
    with pytest.raises(ConfigError, match=message):
        data.Pipeline.parse(steps)


# ---------------------------------------------------------------- geometry


@geometry
@pytest.mark.parametrize(
    "steps",
    [
        [{"op": "crop", "start": [1, 2], "size": [5, 6]}],
        [{"op": "pad", "before": [1, 2], "after": [3, 4]}],
        [{"op": "pad_to_multiple", "multiple": 16, "where": "both"}],
        [{"op": "resize", "size": [18, 24]}],  # each pixel twice or three times: nearest back is exact
        [{"op": "resize", "size": [18, 16]}, {"op": "pad_to_multiple", "multiple": 32}],
        [{"op": "center_crop", "size": [20, 4]}],
    ],
)
def test_a_mask_comes_back_exactly_where_it_was(steps, rng):
    labels = rng.integers(1, 5, (9, 8)).astype(np.uint16)
    lying = prepared(steps, labels).geometry
    back = lying.undo_mask(lying.apply_mask(labels))
    kept = lying.undo_mask(np.ones(lying.size, np.uint8)) == 1
    assert back.shape == (9, 8)
    assert back.dtype == np.uint16
    assert np.array_equal(back, np.where(kept, labels, 0))
    assert kept.any()


@geometry
def test_a_mask_drawn_on_the_models_grid_lies_on_the_same_place_of_the_original():
    steps = [{"op": "crop", "start": [10, 20], "size": [40, 60]}, {"op": "resize", "size": [20, 30]}]
    lying = prepared(steps, np.zeros((100, 100), np.uint8)).geometry
    mask = np.zeros((20, 30), np.uint8)
    mask[5, 7] = 1
    back = lying.undo_mask(mask)
    assert np.argwhere(back).tolist() == [[20, 34], [20, 35], [21, 34], [21, 35]]
    assert lying.original_place([5.0, 7.0]).tolist() == [20.5, 34.5]


@geometry
def test_what_was_cropped_away_gets_the_fill():
    lying = prepared([{"op": "crop", "start": [1, 1], "size": [1, 1]}], np.zeros((3, 3), np.uint8)).geometry
    assert lying.undo_mask(np.array([[7]]), fill=9).tolist() == [[9, 9, 9], [9, 7, 9], [9, 9, 9]]


@geometry
def test_scores_come_back_interpolated_and_labels_do_not():
    lying = prepared([{"op": "resize", "size": [1, 2]}], np.zeros((1, 4), np.uint8)).geometry
    assert lying.undo_scores(np.array([[[0.0, 1.0]]])).tolist() == [[[0.0, 0.25, 0.75, 1.0]]]
    assert lying.undo_mask(np.array([[0, 1]])).tolist() == [[0, 0, 1, 1]]
    with pytest.raises(DataError, match=r"^undo_scores: scores must be floating point, not int64; labels go to"):
        lying.undo_scores(np.array([[[0, 1]]]))


@geometry
def test_a_mask_of_another_size_is_refused():
    lying = prepared([{"op": "resize", "size": [4, 4]}], np.zeros((8, 8), np.uint8)).geometry
    with pytest.raises(DataError, match=r"^Geometry: the grid is \(4, 4\), the mask \(8, 8\)$"):
        lying.undo_mask(np.zeros((8, 8), np.uint8))


@geometry
def test_spacing_follows_the_grid():
    image = data.Image(np.zeros((10, 20, 1), np.uint8), spacing_mm=(0.5, 0.25))
    steps = [{"op": "crop", "start": [0, 0], "size": [10, 10]}, {"op": "resize", "size": [5, 20]}]
    assert prepared(steps, image).spacing_mm == (1.0, 0.125)
    assert prepared(steps, image.array).spacing_mm is None


@geometry
def test_volumes_go_there_and_back(rng):
    volume = rng.integers(0, 200, (4, 6, 8, 1)).astype(np.uint8)
    steps = [
        {"op": "resize", "size": [8, 6, 16], "interpolation": "nearest"},
        {"op": "pad_to_multiple", "multiple": 16},
    ]
    found = prepared(steps, volume)
    assert found.array.shape == (1, 16, 16, 16)
    assert np.array_equal(found.geometry.undo_mask(found.array[0]), volume[..., 0])


# ---------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("array", "arguments", "message"),
    [
        (np.zeros((2, 2)), {}, r"must be \(H, W, C\) or \(D, H, W, C\), not \(2, 2\)"),
        (np.zeros((2, 0, 1)), {}, r"an axis of the array is empty: \(2, 0, 1\)"),
        (np.zeros((2, 2, 1), bool), {}, "must hold numbers, not bool"),
        (np.zeros((2, 2, 1)), {"spacing_mm": (1.0, 1.0, 1.0)}, "3 spacings for 2 spatial axes"),
    ],
)
def test_an_image_that_cannot_be_is_refused(array, arguments, message):
    with pytest.raises(DataError, match="^Image: .*" + message):
        data.Image(array, **arguments)
