"""Every loss gives what PyTorch gave for it, and what its formula says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError
from tests.nn.modules.loss_cases import BINARY, CASES, CLASSES, IGNORED, SCORES, WEIGHT, id_of, run, softmax
from tests.nn.modules.test_layers import differences

pytestmark = pytest.mark.requirement("REQ-F-NN-007")

RECORDED = json.loads(Path(__file__).with_name("recorded_losses.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=id_of)
def test_a_loss_gives_what_was_recorded_from_torch(case):
    assert differences(run(medtorch, case), RECORDED["cases"][id_of(case)], 1e-9) == []


def test_the_record_is_of_these_cases():
    assert set(RECORDED["cases"]) == {id_of(case) for case in CASES}


def value(loss, *inputs):
    return loss(*(medtorch.tensor(np.ascontiguousarray(x)) for x in inputs)).item()


def test_cross_entropy_is_the_weighted_mean_of_minus_log_probabilities():
    probability = softmax(SCORES)
    terms = [
        (WEIGHT[c], -WEIGHT[c] * np.log(probability[n, c, i])) for (n, i), c in np.ndenumerate(IGNORED) if c != -100
    ]
    expected = sum(t for _, t in terms) / sum(w for w, _ in terms)
    loss = nn.CrossEntropyLoss(weight=medtorch.tensor(WEIGHT))
    assert value(loss, SCORES, IGNORED) == pytest.approx(expected, rel=1e-13)


def test_label_smoothing_mixes_in_the_mean_over_classes():
    log_probability, s = np.log(softmax(SCORES)), 0.3
    expected = np.mean(
        [
            -(1 - s) * log_probability[n, c, i] - s * log_probability[n, :, i].mean()
            for (n, i), c in np.ndenumerate(CLASSES)
        ]
    )
    assert value(nn.CrossEntropyLoss(label_smoothing=s), SCORES, CLASSES) == pytest.approx(expected, rel=1e-13)


def test_binary_cross_entropy_with_logits_is_that_of_the_sigmoid():
    p = 1 / (1 + np.exp(-SCORES))
    expected = np.mean(-3.0 * BINARY * np.log(p) - (1 - BINARY) * np.log(1 - p))
    loss = nn.BCEWithLogitsLoss(pos_weight=medtorch.tensor(3.0, dtype=medtorch.float64))
    assert value(loss, SCORES, BINARY) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: nn.MSELoss(), (0.25 + 4) / 2),
        (lambda: nn.L1Loss(reduction="sum"), 2.5),
        (lambda: nn.SmoothL1Loss(beta=1.0), (0.125 + 1.5) / 2),
        (lambda: nn.HuberLoss(delta=0.5), (0.125 + 0.875) / 2),
    ],
)
def test_regression_losses_by_hand(make, expected):
    # differences of 0.5 and 2
    assert value(make(), np.array([1.0, 3.0]), np.array([0.5, 5.0])) == expected


def test_weights_move_with_the_module_and_are_part_of_its_state():
    loss = nn.CrossEntropyLoss(weight=medtorch.tensor([1.0, 2.0])).double()
    assert loss.weight.dtype is medtorch.float64
    assert list(loss.state_dict()) == ["weight"]
    assert list(nn.BCEWithLogitsLoss(pos_weight=medtorch.ones(1)).state_dict()) == ["pos_weight"]
    assert list(nn.CrossEntropyLoss().state_dict()) == []


@pytest.mark.parametrize("name", ["MSELoss", "CrossEntropyLoss", "BCEWithLogitsLoss", "KLDivLoss"])
def test_unknown_reductions_are_refused_by_name_and_retired_ones_warned_about(name):
    with pytest.raises(ArgumentError, match=f"{name}: .*average"):
        getattr(nn, name)(reduction="average")
    with pytest.warns(UserWarning, match=f"{name}: size_average and reduce are deprecated; use reduction='sum'"):
        assert getattr(nn, name)(size_average=False).reduction == "sum"
