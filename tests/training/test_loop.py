"""Training: it learns, it goes on exactly where it stopped, it keeps the best, it ends with a bundle."""

from __future__ import annotations

import json

import numpy as np
import pytest

import medtorch
from medtorch.data import read
from medtorch.errors import ConfigError, SaveError, TrainingError
from medtorch.serialize import load_safetensors
from medtorch.training import Silent, parse_config, train
from medtorch.training.checkpoint import load_checkpoint
from medtorch.training.tree import flatten
from tests.training.small import BUNDLE, CLASSIFICATION, SEGMENTATION, described

pytestmark = pytest.mark.requirement("REQ-F-TRN-003")


class Interrupted(Exception):
    """What a test stops a training with."""


class StopsAfter(Silent):
    """Stops a training after so many batches."""

    def __init__(self, batches):
        self.left = batches

    def stepped(self, epoch, batch, loss):
        self.left -= 1
        if self.left == 0:
            raise Interrupted


def configured(discs, base, **changes):
    return parse_config(described(base, **changes), discs, "test")


def ended(folder):
    """Every bit that a training ends with: weights, buffers, optimizer, schedule, loader, random numbers, measures."""
    checkpoint = load_checkpoint(folder / "checkpoint")
    plain, tensors = flatten(checkpoint.state)
    tensors |= {f"model.{name}": value for name, value in checkpoint.model.items()}
    return json.dumps(plain), {name: value.numpy().tobytes() for name, value in tensors.items()}


def ran(config, folder, stops):
    """Train, stopped after each number of batches in `stops` and resumed."""
    for count, batches in enumerate(stops):
        with pytest.raises(Interrupted):
            train(config, folder, resume=count > 0, observer=StopsAfter(batches))
    return train(config, folder, resume=bool(stops))


@pytest.mark.parametrize("stops", [[5], [5, 3], [8], [4]])
def test_a_segmenter_goes_on_bit_for_bit_in_the_middle_of_an_epoch(discs, tmp_path, stops):
    config = configured(discs, SEGMENTATION, training__checkpoint_every_steps=1)
    whole = train(config, tmp_path / "whole")
    parts = ran(config, tmp_path / "parts", stops)
    assert ended(tmp_path / "parts") == ended(tmp_path / "whole")
    assert parts.records == whole.records
    assert (tmp_path / "parts" / "metrics.csv").read_bytes() == (tmp_path / "whole" / "metrics.csv").read_bytes()
    best = [(tmp_path / name / "best" / "model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert best[0] == best[1]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": {"name": "adam", "arguments": {"lr": 0.01, "betas": [0.8, 0.95], "amsgrad": True}}},
        {"optimizer": {"name": "rmsprop", "arguments": {"lr": 0.001, "momentum": 0.9, "centered": True}}},
        {"scheduler": {"name": "plateau", "arguments": {"patience": 0}}},
        {"scheduler": {"name": "cosine"}},
        {"scheduler": {"name": "step", "every": "step", "arguments": {"step_size": 2}}},
        {"scheduler": None},
    ],
)
def test_a_classifier_goes_on_bit_for_bit_with_every_optimizer_and_schedule(discs, tmp_path, changes):
    config = configured(discs, CLASSIFICATION, training__checkpoint_every_steps=1, **changes)
    train(config, tmp_path / "whole")
    ran(config, tmp_path / "parts", [3])
    assert ended(tmp_path / "parts") == ended(tmp_path / "whole")


def test_a_step_that_was_not_saved_is_done_again_the_same(discs, tmp_path):
    config = configured(discs, CLASSIFICATION)  # saved at the end of each epoch only
    train(config, tmp_path / "whole")
    ran(config, tmp_path / "parts", [3])
    assert ended(tmp_path / "parts") == ended(tmp_path / "whole")


def test_workers_change_nothing(discs, tmp_path):
    train(configured(discs, SEGMENTATION), tmp_path / "none")
    train(configured(discs, SEGMENTATION, training__workers=2), tmp_path / "two")
    assert ended(tmp_path / "two") == ended(tmp_path / "none")


def test_another_seed_is_another_training(discs, tmp_path):
    train(configured(discs, SEGMENTATION), tmp_path / "a")
    train(configured(discs, SEGMENTATION, seed=6), tmp_path / "b")
    assert ended(tmp_path / "a") != ended(tmp_path / "b")


@pytest.mark.requirement("REQ-F-TRN-002")
def test_it_learns(discs, tmp_path):
    changes = {"training__epochs": 12, "training__samples_per_case": 4, "training__validate_every_epochs": 12}
    outcome = train(configured(discs, SEGMENTATION, **changes), tmp_path / "o")
    assert outcome.records[-1]["train_loss"] < 0.5 * outcome.records[0]["train_loss"]
    assert outcome.best_value > 0.9


def test_measures_are_of_the_epochs_that_are_validated_and_of_the_last(discs, tmp_path):
    config = configured(discs, SEGMENTATION, training__epochs=3, training__validate_every_epochs=2)
    records = train(config, tmp_path / "o").records
    assert ["dice" in record for record in records] == [False, True, True]


@pytest.mark.requirement("REQ-F-TRN-005")
def test_the_best_epoch_is_kept_and_bundled(discs, tmp_path):
    config = configured(discs, SEGMENTATION, bundle=BUNDLE, training__epochs=4)
    outcome = train(config, tmp_path / "o")
    dice = [record["dice"] for record in outcome.records]
    assert outcome.best_epoch == int(np.argmax(dice)) + 1
    assert outcome.best_value == max(dice)
    bundle = medtorch.load_bundle(outcome.bundle, sha256=outcome.bundle_sha256)
    best = load_safetensors(tmp_path / "o" / "best" / "model.safetensors")
    loaded = bundle.model.state_dict()
    assert all((loaded[name].numpy() == value.numpy()).all() for name, value in best.items())
    assert json.loads((tmp_path / "o" / "best" / "record.json").read_text())["epoch"] == outcome.best_epoch


@pytest.mark.requirement("REQ-F-TRN-004")
def test_the_measure_of_the_record_is_that_of_the_bundle(discs, tmp_path):
    """Validation goes the way of the bundle: the same masks, on the images' own grid."""
    outcome = train(configured(discs, SEGMENTATION, bundle=BUNDLE), tmp_path / "o")
    bundle = medtorch.load_bundle(outcome.bundle, sha256=outcome.bundle_sha256)
    overlaps = []
    for case in ("c4", "c5"):
        found = bundle.predict(discs / "images" / f"{case}.png").mask > 0
        truth = read(discs / "masks" / f"{case}.png").array[..., 0] > 0
        if found.any() or truth.any():
            overlaps.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    assert outcome.best_value == pytest.approx(np.mean(overlaps), abs=1e-12)


@pytest.mark.requirement("REQ-F-TRN-005")
def test_it_stops_early_when_nothing_gets_better(discs, tmp_path):
    changes = {"training__epochs": 30, "best": {"measure": "loss", "patience": 2}}
    config = configured(discs, CLASSIFICATION, optimizer={"name": "sgd", "arguments": {"lr": 0.3}}, **changes)
    outcome = train(config, tmp_path / "o")
    assert outcome.stopped_early
    assert outcome.epochs == outcome.best_epoch + 2 < 30


@pytest.mark.requirement("REQ-F-TRN-005")
def test_a_loss_that_is_not_finite_ends_the_training(discs, tmp_path):
    changes = {"optimizer": {"name": "sgd", "arguments": {"lr": 1e30}}, "scheduler": None}
    with pytest.raises(TrainingError, match=r"^the loss is (nan|inf) in epoch \d, batch \d: a smaller learning rate"):
        train(configured(discs, CLASSIFICATION, **changes), tmp_path / "o")


def test_a_folder_with_a_training_is_not_overwritten(discs, tmp_path):
    train(configured(discs, CLASSIFICATION), tmp_path / "o")
    with pytest.raises(SaveError, match=r"holds a training already: resume it, or name another folder$"):
        train(configured(discs, CLASSIFICATION), tmp_path / "o")


def test_there_must_be_something_to_resume(discs, tmp_path):
    with pytest.raises(ConfigError, match=r"holds no checkpoint to go on from$"):
        train(configured(discs, CLASSIFICATION), tmp_path / "o", resume=True)


def test_another_description_does_not_go_on(discs, tmp_path):
    train(configured(discs, CLASSIFICATION), tmp_path / "o")
    with pytest.raises(ConfigError, match=r"was made by another description \(seed: then 5, now 6\)"):
        train(configured(discs, CLASSIFICATION, seed=6), tmp_path / "o", resume=True)


def test_resuming_what_is_done_gives_the_same_outcome(discs, tmp_path):
    config = configured(discs, CLASSIFICATION)
    assert train(config, tmp_path / "o") == train(config, tmp_path / "o", resume=True)


@pytest.mark.parametrize("name", ["state.json", "state.safetensors", "model.safetensors"])
def test_a_damaged_checkpoint_is_refused(discs, tmp_path, name):
    config = configured(discs, CLASSIFICATION)
    train(config, tmp_path / "o")
    path = tmp_path / "o" / "checkpoint" / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 4] = b"\x00\x01\x02\x03"
    path.write_bytes(raw)
    with pytest.raises(medtorch.errors.LoadError, match=name):
        train(config, tmp_path / "o", resume=True)
