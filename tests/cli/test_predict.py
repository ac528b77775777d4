"""`medtorch predict` on real X-rays and on masks; one bad image does not lose the others."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import medtorch
from medtorch.cli.pictures import write_png
from medtorch.core.backends.cpu.probe import native_build
from medtorch.data import read
from medtorch.models import get_model
from medtorch.serialize import load_torch
from tests.cli.commands import here, run
from tests.serve.bundles import CHEST, classifier, segmenter

pytestmark = pytest.mark.requirement("REQ-F-CLI-003")

SCHEMA = json.loads((Path(medtorch.__file__).parent / "serve" / "predictions.schema.json").read_text())
XRAYS = sorted((CHEST / "images").iterdir())


@pytest.fixture(scope="module")
def lenet(tmp_path_factory):
    model = get_model("lenet", num_classes=3)
    model.load_state_dict(load_torch(CHEST / "pneunomia_lenet.pt"))
    path = tmp_path_factory.mktemp("lenet") / "b"
    return "--bundle", path, "--sha256", classifier(path, model=model)


@pytest.fixture(scope="module")
def unet(tmp_path_factory):
    path = tmp_path_factory.mktemp("unet") / "b"
    return "--bundle", path, "--sha256", segmenter(path)


@pytest.fixture
def pictures(tmp_path, rng):
    for name in ("a", "b"):
        write_png(tmp_path / f"{name}.png", rng.integers(0, 256, (9, 14, 3), np.uint8))
    return tmp_path / "a.png", tmp_path / "b.png"


def test_stdout_is_json_with_pytorch_s_probabilities(lenet):
    answer = run("predict", *lenet, *XRAYS)
    pure = native_build() is None  # such an install says once that NumPy computes
    assert (answer.returncode, "BackendWarning" in answer.stderr if pure else answer.stderr) == (
        0,
        True if pure else "",
    )
    document = json.loads(answer.stdout)
    jsonschema.validate(document, SCHEMA)
    with (CHEST / "labels.csv").open() as file:
        expected = {Path(row["file"]).name: row for row in csv.DictReader(file)}
    assert len(document["results"]) == 25
    for result in document["results"]:
        row = expected[Path(result["file"]).name]
        recorded = [float(row[f"lenet_p_{name}"]) for name in ("normal", "bacteria", "viral")]
        np.testing.assert_allclose(list(result["probabilities"].values()), recorded, atol=1e-4)
    assert document["bundle"]["sha256"] == lenet[3]
    assert document["bundle"]["verified"] is True


def test_with_out_nothing_goes_to_stdout(lenet, tmp_path, capsys):
    code, out, err = here(capsys, "predict", *lenet, "--out", tmp_path / "o", XRAYS[0])
    assert (code, out) == (0, "")
    assert str(tmp_path / "o" / "predictions.json") in err
    jsonschema.validate(json.loads((tmp_path / "o" / "predictions.json").read_text()), SCHEMA)


def test_one_bad_image_does_not_lose_the_others(lenet, tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    code, out, err = here(capsys, "predict", *lenet, XRAYS[0], tmp_path / "bad.png", tmp_path / "none.png", XRAYS[1])
    assert code == 3
    document = json.loads(out)
    jsonschema.validate(document, SCHEMA)
    assert [result["status"] for result in document["results"]] == ["ok", "error", "error", "ok"]
    assert "bad.png" in document["results"][1]["error"]
    assert "none.png: cannot be read" in err
    assert "2 of 4 images could not be used" in err
    assert "Traceback" not in err


def test_a_tampered_bundle_predicts_nothing(tmp_path, capsys):
    digest = classifier(tmp_path / "b")
    weights = tmp_path / "b" / "weights.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    code, out, err = here(capsys, "predict", "--bundle", tmp_path / "b", "--sha256", digest, XRAYS[0])
    assert (code, out) == (3, "")
    assert "weights.safetensors: the bytes are not the expected ones" in err


def test_another_bundle_than_the_expected_predicts_nothing(tmp_path, capsys):
    classifier(tmp_path / "b")
    code, out, err = here(capsys, "predict", "--bundle", tmp_path / "b", "--sha256", "0" * 64, XRAYS[0])
    assert (code, out) == (3, "")
    assert "expected sha256 " + "0" * 64 in err


def test_an_unverified_bundle_says_so(tmp_path, capsys):
    classifier(tmp_path / "b")
    code, out, _ = here(capsys, "predict", "--bundle", tmp_path / "b", "--allow-unverified", XRAYS[0])
    assert code == 0
    assert json.loads(out)["bundle"]["verified"] is False


def test_masks_and_overlays_are_png_on_the_images_grid(unet, pictures, tmp_path, capsys):
    code, out, _ = here(capsys, "predict", *unet, "--out", tmp_path / "o", *pictures)
    assert (code, out) == (0, "")
    document = json.loads((tmp_path / "o" / "predictions.json").read_text())
    jsonschema.validate(document, SCHEMA)
    for path, result in zip(pictures, document["results"], strict=True):
        mask = read(tmp_path / "o" / result["mask"]).array[..., 0]
        expected = medtorch.load_bundle(unet[1], sha256=unet[3]).predict(path).mask
        np.testing.assert_array_equal(mask, expected)
        assert result["regions"][1]["pixels"] == int((mask == 1).sum())
        assert read(tmp_path / "o" / result["overlay"]).array.shape == (9, 14, 3)


def test_a_segmenter_needs_a_folder(unet, pictures, capsys):
    code, out, err = here(capsys, "predict", *unet, pictures[0])
    assert (code, out) == (2, "")
    assert "name a folder for its masks with --out" in err


def test_images_of_one_name_do_not_overwrite_each_other(unet, pictures, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "a.png"
    twin.write_bytes(pictures[1].read_bytes())
    here(capsys, "predict", *unet, "--no-overlay", "--out", tmp_path / "o", pictures[0], twin)
    results = json.loads((tmp_path / "o" / "predictions.json").read_text())["results"]
    assert [(result["mask"], result["overlay"]) for result in results] == [("a.mask.png", None), ("a-2.mask.png", None)]


def test_older_predictions_are_replaced_only_when_asked(lenet, tmp_path, capsys):
    here(capsys, "predict", *lenet, "--out", tmp_path / "o", XRAYS[0])
    code, _, err = here(capsys, "predict", *lenet, "--out", tmp_path / "o", XRAYS[1])
    assert code == 2
    assert "predictions.json: exists already (--overwrite replaces it)" in err
    assert here(capsys, "predict", *lenet, "--overwrite", "--out", tmp_path / "o", XRAYS[1])[0] == 0


def test_a_task_that_predict_cannot_read_is_refused(tmp_path, capsys):
    digest = classifier(tmp_path / "b", task="other", labels=(), postprocessing=[])
    code, _, err = here(capsys, "predict", "--bundle", tmp_path / "b", "--sha256", digest, XRAYS[0])
    assert code == 2
    assert "predict cannot read the answers of a model for other" in err
