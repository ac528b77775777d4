"""Descriptions of trainings: what is wrong is named with its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from medtorch.errors import ConfigError
from medtorch.training import parse_config, read_config, train
from tests.training.small import BUNDLE, CLASSIFICATION, SEGMENTATION, described

pytestmark = pytest.mark.requirement("REQ-F-TRN-001")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_example_is_read():
    config = read_config(EXAMPLES / "nuclei_unet.yaml")
    assert (config.task, config.labels, config.best.measure) == ("segmentation", ("background", "nucleus"), "dice")
    assert config.bundle.description.architecture == config.architecture
    assert config.bundle.description.labels == config.labels


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "regression"}, r"^test.task: must be one of classification, segmentation, not 'regression'$"),
        ({"sed": 1}, r"^test: unknown key 'sed' .*did you mean 'seed'\?$"),
        ({"training__epoch": 1}, r"^test.training: unknown key 'epoch' .*did you mean 'epochs'\?$"),
        ({"training__epochs": 0}, r"^test.training.epochs: must be a whole number of at least 1, not 0$"),
        ({"model__name": "unett"}, r"^test.model.name: must be one of .*unet.*, not 'unett'$"),
        ({"loss": []}, r"^test.loss: needs at least one term$"),
        ({"loss": [{"name": "hinge"}]}, r"^test.loss\[0\].name: must be one of cross_entropy, bce, dice"),
        ({"loss": [{"name": "cross_entropy"}]},
         r"^test.loss\[0\]: cross_entropy goes with softmax, the postprocessing has sigmoid$"),
        ({"optimizer__name": "lion"}, r"^test.optimizer.name: must be one of sgd, adam, adamw, rmsprop, not 'lion'$"),
        ({"scheduler__every": "epoch"}, r"^test.scheduler.every: one_cycle goes on every step$"),
        ({"preprocessing": [{"op": "to_flot"}]}, r"^preprocessing\[0\]: unknown op 'to_flot'"),
        ({"postprocessing": [{"op": "sigmoid"}]}, r"^postprocessing: no decision"),
        ({"augmentation__image": [{"op": "mixup"}]},
         r"^test.augmentation.image: augmentation\[0\]: unknown op 'mixup'"),
        ({"augmentation__prepared": [{"op": "gaussian_noise"}]},
         r"^test.augmentation.prepared\[0\]: gaussian_noise changes values .*; it goes to test.augmentation.image"),
        ({"best__measure": "accuracy"}, r"^test.best.measure: must be one of loss, dice, iou, not 'accuracy'$"),
        ({"data__hold_out": {}}, r"^test.data.hold_out: give either fraction, or column and value$"),
        ({"data__hold_out": {"fraction": 0.5, "column": "x"}},
         r"^test.data.hold_out: give either fraction, or column and value$"),
        ({"data__mask_values": "all"}, r"^test.data.mask_values: must be one of labels, foreground, not 'all'$"),
        ({"bundle": {**BUNDLE, "labels": ["a"]}},
         r"^test.bundle.labels: follows from the training; leave it out here$"),
        ({"bundle": {**BUNDLE, "intended": "x"}}, r"^test.bundle: unknown key 'intended'"),
        ({"training__validate_every_epochs": 2, "scheduler": {"name": "plateau"}},
         r"^test.training.validate_every_epochs: plateau follows the loss of every epoch"),
        ({"postprocessing": [{"op": "threshold"}]}, r"^test.postprocessing: a training needs softmax or sigmoid"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(discs, changes, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(described(SEGMENTATION, **changes), discs, "test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer__arguments": {"lr": 0.1, "moment": 0.9}},
         r"^optimizer: sgd has no argument 'moment' \(has: lr, momentum"),
        ({"optimizer__arguments": {"lr": -1}}, r"^optimizer: sgd: "),
        ({"scheduler__arguments": {"milestones": [2], "gama": 1}}, r"^scheduler: multi_step has no argument 'gama'"),
        ({"loss": [{"name": "cross_entropy", "arguments": {"smoothing": 1}}]},
         r"^loss\[0\]: cross_entropy has no argument 'smoothing' \(has: weight, .*label_smoothing"),
        ({"model__arguments": {"classes": 2}}, r"lenet\(.*'classes'"),
        ({"data__label": "{grade}"},
         r"cases.csv: has no column 'grade' \(columns: case, kind, split\), asked for by '\{grade\}'$"),
        ({"data__hold_out": {"column": "fold", "value": "1"}}, r"^hold_out: there is no column 'fold'"),
        ({"data__hold_out": {"column": "split", "value": "none"}},
         r"^hold_out: 6 cases to train on and 0 to validate on$"),
    ],
)  # fmt: skip
def test_what_only_the_parts_can_know_is_named_before_a_step_is_made(discs, tmp_path, changes, message):
    with pytest.raises((ConfigError, ValueError), match=message):
        train(parse_config(described(CLASSIFICATION, **changes), discs, "test"), tmp_path / "o")
    assert not (tmp_path / "o" / "checkpoint").exists()
