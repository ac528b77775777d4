"""Image files as data sets, up to batches of tensors."""

from __future__ import annotations

import numpy as np
import pytest

from medtorch import data
from medtorch.errors import DataError

pytestmark = pytest.mark.requirement("REQ-F-DAT-009")

TO_FLOAT = data.Pipeline.parse([{"op": "to_float"}])
HALVED = data.Pipeline.parse([{"op": "resize", "size": [4, 4], "interpolation": "nearest"}, {"op": "to_float"}])


@pytest.fixture
def files(tmp_path):
    """Four images whose grey value is their number, with masks of 0 and 255."""
    paths, masks = [], []
    for number in range(4):
        image = np.full((8, 8, 3), number * 50, np.uint8)
        mask = np.zeros((8, 8), np.uint8)
        mask[:, : 2 * number] = 255
        image[mask == 255] += 1
        paths.append(tmp_path / f"{number}.png")
        masks.append(tmp_path / f"{number}_mask.png")
        data.write_png(paths[-1], image)
        data.write_png(masks[-1], mask)
    return paths, masks


def test_images_with_classes_become_batches(files):
    dataset = data.ImageClasses(files[0], [0, 1, 0, 1], HALVED)
    images, classes = next(iter(data.DataLoader(dataset, batch_size=4)))
    assert tuple(images.shape) == (4, 3, 4, 4)
    assert classes.numpy().tolist() == [0, 1, 0, 1]
    corner = [n * 50 + (n > 0) for n in range(4)]  # the mask covers the corner of all but the first
    assert np.array_equal(images.numpy()[:, 0, 0, 0], np.array(corner, np.float32) / np.float32(255))


def test_masks_follow_their_images_through_augmentation_and_preprocessing(files):
    augmentation = data.Augmentation.parse([{"op": "random_flip", "vertical": 0.5}, {"op": "random_rotate90"}])
    dataset = data.ImageMasks(*files, HALVED, augmentation, labels={0: 0, 255: 1})
    for images, masks in data.DataLoader(dataset, batch_size=2, shuffle=True, seed=3, num_workers=1):
        pixels = np.rint(images.numpy()[:, 0] * 255).astype(int)
        assert np.array_equal(pixels % 50 == 1, masks.numpy() == 1)
        assert masks.numpy().dtype == np.int64


def test_without_a_generator_nothing_is_augmented(files):
    augmentation = data.Augmentation.parse([{"op": "gaussian_noise", "std": 0.5}])
    dataset = data.ImageMasks(*files, TO_FLOAT, augmentation, labels={"other": 1, 0: 0})
    assert np.array_equal(dataset[1][0], dataset[1][0])
    assert dataset[1][1].sum() == 16
    changed = dataset.sample(1, np.random.default_rng(0))[0]
    assert not np.array_equal(changed, dataset[1][0])


def test_a_number_in_the_mask_that_nobody_named_is_refused(files):
    with pytest.raises(DataError, match=r"1_mask\.png: the mask holds 255, which labels do not name$"):
        data.ImageMasks(*files, TO_FLOAT, labels={0: 0})[1]


def test_a_mask_of_another_size_is_refused(files, tmp_path):
    data.write_png(tmp_path / "small.png", np.zeros((4, 8), np.uint8))
    dataset = data.ImageMasks(files[0][:1], [tmp_path / "small.png"], TO_FLOAT)
    with pytest.raises(
        DataError, match=r"small\.png: a mask must have one channel and the image's size \(8, 8\), not 1"
    ):
        dataset[0]


def test_lists_of_different_lengths_are_refused(files):
    with pytest.raises(DataError, match="ImageClasses: 4 images with 1 classes"):
        data.ImageClasses(files[0], [0], TO_FLOAT)
    with pytest.raises(DataError, match="ImageMasks: 4 images with 0 masks"):
        data.ImageMasks(files[0], [], TO_FLOAT)


def test_real_nuclei_and_their_label_maps_are_read(shared_data):
    folder = shared_data / "nuclei_dsb2018"
    names = sorted(path.name for path in (folder / "images").glob("*.png"))[:4]
    pipeline = data.Pipeline.parse([{"op": "resize", "size": [64, 64]}, {"op": "to_float"}])
    paths, masks = ([folder / kind / name for name in names] for kind in ("images", "labels"))
    dataset = data.ImageMasks(paths, masks, pipeline, labels={0: 0, "other": 1})
    images, labels = next(iter(data.DataLoader(dataset, batch_size=4)))
    assert tuple(images.shape) == (4, 3, 64, 64)
    assert tuple(labels.shape) == (4, 64, 64)
    assert set(np.unique(labels.numpy())) == {0, 1}
