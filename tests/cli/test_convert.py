"""`medtorch convert`: somebody else's checkpoints become bundles."""

from __future__ import annotations

import hashlib
import json
import pickle

import numpy as np
import pytest

import medtorch
from medtorch.serialize import read_bundle
from tests.cli.commands import ROOT, here, run
from tests.serve.bundles import CHEST

pytestmark = pytest.mark.requirement("REQ-F-CLI-005")

CHECKPOINT = CHEST / "pneunomia_lenet.pt"
LENET = ("--arch", "lenet", "--arch-arg", "num_classes=3")
SPEC = ROOT / "examples" / "chest_xray.yaml"


def test_a_real_checkpoint_becomes_a_bundle_that_predicts(tmp_path):
    answer = run("convert", CHECKPOINT, *LENET, "--spec", SPEC, "--out", tmp_path / "b")
    assert (answer.returncode, answer.stderr) == (0, "")
    said = json.loads(answer.stdout)
    assert said["checkpoint_sha256"] == hashlib.sha256(CHECKPOINT.read_bytes()).hexdigest()
    assert said["tensors"] == 10
    bundle = medtorch.load_bundle(tmp_path / "b", sha256=said["sha256"])
    probabilities = bundle.predict(CHEST / "images" / "IM-0256-0001.jpeg").probabilities
    np.testing.assert_allclose(
        list(probabilities.values()), [0.979365, 0.009539, 0.011096], atol=1e-4
    )  # PyTorch 2.13.0


def test_the_origin_names_the_checkpoint(tmp_path, capsys):
    digest = json.loads(here(capsys, "convert", CHECKPOINT, *LENET, "--spec", SPEC, "--out", tmp_path / "b")[1])[
        "sha256"
    ]
    data = read_bundle(tmp_path / "b", sha256=digest)
    checkpoint = data.description.origin.checkpoint
    assert checkpoint.file == "pneunomia_lenet.pt"
    assert checkpoint.sha256 == hashlib.sha256(CHECKPOINT.read_bytes()).hexdigest()
    assert data.files["LICENSE-weights.txt"] == (CHEST / "LICENSE-weights.txt").read_bytes()


def test_converting_twice_gives_the_same_bundle(tmp_path, capsys):
    digests = [
        json.loads(here(capsys, "convert", CHECKPOINT, *LENET, "--out", tmp_path / name)[1])["sha256"] for name in "ab"
    ]
    assert digests[0] == digests[1]


def test_without_a_description_the_bundle_says_that_nothing_was_stated(tmp_path, capsys):
    code, out, err = here(capsys, "convert", CHECKPOINT, *LENET, "--out", tmp_path / "b")
    assert code == 0
    assert "no --spec: the bundle gets the task 'other'" in err
    text = read_bundle(tmp_path / "b", sha256=json.loads(out)["sha256"]).description
    assert (text.task, text.licence.spdx) == ("other", "NOASSERTION")
    assert text.intended_use.startswith("Not stated")


def test_a_wrong_digest_of_the_checkpoint_is_refused(tmp_path, capsys):
    code, out, err = here(capsys, "convert", CHECKPOINT, *LENET, "--sha256", "0" * 64, "--out", tmp_path / "b")
    assert (code, out) == (3, "")
    assert "pneunomia_lenet.pt: the bytes are not the expected ones" in err


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path, capsys):
    code, _, err = here(capsys, "convert", CHECKPOINT, "--arch", "lenet", "--out", tmp_path / "b")
    assert code == 3
    assert "classifier.4.weight: is float32 (3, 84), the architecture has float32 (10, 84)" in err
    assert not (tmp_path / "b").exists()


def test_a_hostile_checkpoint_runs_nothing(tmp_path, capsys):
    class Hostile:
        def __reduce__(self):
            return (print, ("it ran",))

    (tmp_path / "h.pth").write_bytes(pickle.dumps(Hostile()))
    code, out, err = here(capsys, "convert", tmp_path / "h.pth", *LENET, "--out", tmp_path / "b")
    assert (code, out) == (3, "")
    assert "it ran" not in err
    assert "h.pth" in err


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    code, _, err = here(capsys, "convert", tmp_path / "none.pth", *LENET, "--out", tmp_path / "b")
    assert code == 3
    assert "none.pth" in err


def test_input_shape_and_description_contradict_each_other(tmp_path, capsys):
    code, _, err = here(
        capsys, "convert", CHECKPOINT, *LENET, "--spec", SPEC, "--input-shape", "1,32,32", "--out", tmp_path / "b"
    )
    assert code == 2
    assert "--input-shape is for a bundle without --spec" in err
