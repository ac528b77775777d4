"""`medtorch train`: from a file to a bundle, stopped and resumed."""

from __future__ import annotations

import csv
import json

import pytest
import yaml

import medtorch
from medtorch.data import read
from medtorch.training.loop import Training
from tests.cli.commands import here, run
from tests.training.small import BUNDLE, SEGMENTATION, described, write_discs

pytestmark = pytest.mark.requirement("REQ-F-TRN-004")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = write_discs(tmp_path_factory.mktemp("train") / "data")
    text = described(SEGMENTATION, bundle=BUNDLE, plot=True)
    (path / "train.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    return path


def test_a_training_writes_log_plot_checkpoint_and_bundle(folder, tmp_path):
    answer = run("train", folder / "train.yaml", "--out", tmp_path / "o")
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    assert "discs: 4 cases to train on, 2 held out" in answer.stderr
    assert answer.stderr.count("epoch ") == 3  # one quiet line an epoch, no bar
    assert "\x1b" not in answer.stderr
    records = json.loads((tmp_path / "o" / "metrics.json").read_text())
    with (tmp_path / "o" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [record["epoch"] for record in records] == [1, 2, 3]
    assert [float(row["train_loss"]) for row in rows] == [record["train_loss"] for record in records]
    assert said["best"] in records
    assert read(tmp_path / "o" / "metrics.png").array.shape[2] == 3
    bundle = medtorch.load_bundle(said["bundle"], sha256=said["bundle_sha256"])
    assert bundle.name == "disc-finder"


def test_an_interrupted_training_can_be_resumed(folder, tmp_path, capsys, monkeypatch):
    steps, done = Training._step, []

    def interrupted(self, images, targets):
        done.append(1)
        if len(done) == 6:
            raise KeyboardInterrupt
        return steps(self, images, targets)

    monkeypatch.setattr(Training, "_step", interrupted)
    code, out, err = here(capsys, "train", folder / "train.yaml", "--out", tmp_path / "o")
    assert (code, out) == (130, "")
    assert "interrupted" in err
    code, resumed, err = here(capsys, "train", folder / "train.yaml", "--out", tmp_path / "o", "--resume")
    assert code == 0
    assert "discs: goes on after batch 4" in err
    code, whole, _ = here(capsys, "train", folder / "train.yaml", "--out", tmp_path / "w")
    assert json.loads(resumed)["bundle_sha256"] == json.loads(whole)["bundle_sha256"]


def test_a_wrong_key_is_code_2_and_named(folder, tmp_path, capsys):
    (folder / "wrong.yaml").write_text((folder / "train.yaml").read_text().replace("epochs:", "epoch:"))
    code, out, err = here(capsys, "train", folder / "wrong.yaml", "--out", tmp_path / "o")
    assert (code, out) == (2, "")
    assert "wrong.yaml.training: needs the key 'epochs' (there is 'epoch')" in err


def test_a_missing_image_is_code_3_and_named(folder, tmp_path, capsys):
    text = (folder / "train.yaml").read_text().replace("images/{case}.png", "pictures/{case}.png")
    (folder / "missing.yaml").write_text(text)
    code, _, err = here(capsys, "train", folder / "missing.yaml", "--out", tmp_path / "o")
    assert code == 3
    assert "pictures/c4.png: cannot be read" in err


def test_a_training_that_diverges_is_code_1(folder, tmp_path, capsys):
    text = described(SEGMENTATION, optimizer={"name": "sgd", "arguments": {"lr": 1e30}}, scheduler=None)
    (folder / "diverges.yaml").write_text(yaml.safe_dump({**text, "training": {"epochs": 2, "batch_size": 2}}))
    code, _, err = here(capsys, "train", folder / "diverges.yaml", "--out", tmp_path / "o")
    assert code == 1
    assert "a smaller learning rate or clip_grad_norm may help" in err
