"""Predicting: real X-rays against PyTorch's recorded answers, masks on the original grid, contracts held."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import medtorch
from medtorch.data import Image, read
from medtorch.errors import ArgumentError, DataError
from medtorch.models import get_model
from medtorch.serialize import Input, load_torch
from tests.serve.bundles import CHEST, LABELS, classifier, segmenter

pytestmark = pytest.mark.requirement("REQ-F-MOD-904")


@pytest.fixture(scope="module")
def lenet(tmp_path_factory):
    """The third-party LeNet that comes with the examples."""
    model = get_model("lenet", num_classes=3)
    model.load_state_dict(load_torch(CHEST / "pneunomia_lenet.pt"))
    path = tmp_path_factory.mktemp("lenet") / "b"
    return medtorch.load_bundle(path, sha256=classifier(path, model=model))


@pytest.fixture(scope="module")
def unet(tmp_path_factory):
    path = tmp_path_factory.mktemp("unet") / "b"
    return medtorch.load_bundle(path, sha256=segmenter(path))


def test_real_xrays_get_the_probabilities_that_pytorch_gave(lenet):
    with (CHEST / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        answer = lenet.predict(CHEST / row["file"])
        expected = [float(row[f"lenet_p_{name}"]) for name in ("normal", "bacteria", "viral")]  # PyTorch 2.13.0, CPU
        np.testing.assert_allclose(list(answer.probabilities.values()), expected, atol=1e-4)
        assert answer.label == LABELS[int(np.argmax(expected))]
    assert len(rows) == 25


def test_a_path_bytes_an_image_and_an_array_are_one_and_the_same(lenet):
    path = CHEST / "images" / "IM-0256-0001.jpeg"
    image = read(path)
    answers = [lenet.predict(one).probabilities for one in (path, str(path), path.read_bytes(), image, image.array)]
    assert all(answer == answers[0] for answer in answers)


def test_the_answer_names_image_and_bundle(lenet):
    path = CHEST / "images" / "IM-0256-0001.jpeg"
    answer = lenet.predict(path)
    assert answer.bundle_sha256 == lenet.sha256
    assert answer.image.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert answer.image.size == read(path).size


def test_several_images_get_the_answers_of_each_alone(lenet):
    paths = sorted((CHEST / "images").iterdir())[:4]
    together = [answer.probabilities for answer in lenet.predict_batch(paths)]
    assert together == [lenet.predict(path).probabilities for path in paths]


def test_a_mask_has_the_size_of_the_image_whatever_the_model_needs(unet, rng):
    answer = unet.predict(rng.integers(0, 256, (13, 21, 3), np.uint8))
    assert answer.mask.shape == (13, 21)
    assert answer.mask.dtype == np.uint8
    assert answer.probabilities.shape == (2, 13, 21)
    assert sum(region.pixels for region in answer.regions) == 13 * 21


def test_millimetres_come_from_the_image(unet, rng):
    answer = unet.predict(Image(rng.integers(0, 256, (8, 8, 1), np.uint8), spacing_mm=(0.5, 0.25)))
    assert sum(region.area_mm2 for region in answer.regions) == pytest.approx(64 * 0.125)


def test_a_large_image_goes_through_windows(tmp_path, rng):
    steps = [{"op": "sliding_window", "size": [8, 8], "overlap": 0.5}, {"op": "sigmoid"}, {"op": "threshold"}]
    digest = segmenter(tmp_path / "w", postprocessing=steps)
    bundle = medtorch.load_bundle(tmp_path / "w", sha256=digest)
    seen = []
    bundle.model.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape)))
    assert bundle.predict(rng.integers(0, 256, (30, 20, 1), np.uint8)).mask.shape == (30, 20)
    assert set(seen) == {(1, 1, 8, 8)}
    assert len(seen) == 7 * 4


def test_an_input_against_the_contract_is_refused(tmp_path):
    digest = segmenter(tmp_path / "s", preprocessing=[{"op": "to_float"}, {"op": "pad_to_multiple", "multiple": 2}])
    bundle = medtorch.load_bundle(tmp_path / "s", sha256=digest)
    with pytest.raises(
        DataError,
        match=r"^small-segmenter: the prepared image is \(1, 3, 8, 8\) float32, the model takes \(any, 1, any, any\)",
    ):
        bundle.predict(np.zeros((8, 8, 3), np.uint8))


def test_values_outside_of_the_contract_are_refused(tmp_path):
    digest = segmenter(tmp_path / "s", inputs=[Input("image", "NCHW", (None, 1, None, None), value_range=(0.0, 0.5))])
    bundle = medtorch.load_bundle(tmp_path / "s", sha256=digest)
    with pytest.raises(DataError, match=r"has values from 0 to 1, the model takes 0 to 0.5$"):
        bundle.predict(np.array([[0, 255], [0, 0]], np.uint8))


def test_what_is_no_image_is_refused(lenet):
    with pytest.raises(ArgumentError, match=r"^predict: takes a path, bytes, an Image or an array, not a list$"):
        lenet.predict([1, 2])
    with pytest.raises(DataError, match=r"nowhere.png: cannot be read"):
        lenet.predict(Path("nowhere.png"))


def test_predictions_are_plain_data(lenet, unet, rng):
    for said in (lenet.predict(rng.integers(0, 256, (40, 40, 3), np.uint8)), unet.predict(np.zeros((8, 8), np.uint8))):
        plain = said.to_json()
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
