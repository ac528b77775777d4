"""What is measured on held-out cases, against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest

from medtorch.serve.prediction import Classification, ImageFacts, Segmentation
from medtorch.training.log import write_log
from medtorch.training.measures import measured

pytestmark = pytest.mark.requirement("REQ-F-TRN-004")

FACTS = ImageFacts(None, None, (4, 6), None)


def segmentation(mask):
    return Segmentation(FACTS, "", ("a", "b", "c"), mask, np.zeros((3, *mask.shape), np.float32))


def classification(*probabilities):
    names = ("a", "b", "c")
    return Classification(FACTS, "", names[int(np.argmax(probabilities))], dict(zip(names, probabilities, strict=True)))


def test_overlap_is_the_mean_over_cases_of_each_label_above_0(rng):
    judged = [(rng.integers(0, 3, (4, 6)), segmentation(rng.integers(0, 3, (4, 6)).astype(np.uint8))) for _ in range(5)]

    def of(label, formula):
        return np.mean([formula(truth == label, said.mask == label) for truth, said in judged])

    found = measured(judged, "segmentation", 3)
    dice = [of(label, lambda t, p: 2 * (t & p).sum() / (t.sum() + p.sum())) for label in (1, 2)]
    iou = [of(label, lambda t, p: (t & p).sum() / (t | p).sum()) for label in (1, 2)]
    assert found == {"dice": pytest.approx(np.mean(dice)), "iou": pytest.approx(np.mean(iou))}


def test_a_case_without_a_label_does_not_count_for_it():
    empty, full = np.zeros((4, 6), np.int64), np.ones((4, 6), np.int64)
    judged = [(empty, segmentation(empty.astype(np.uint8))), (full, segmentation(full.astype(np.uint8)))]
    assert measured(judged, "segmentation", 2)["dice"] == 1.0


def test_a_label_in_no_case_is_undefined():
    empty = np.zeros((4, 6), np.int64)
    assert measured([(empty, segmentation(empty.astype(np.uint8)))], "segmentation", 2) == {"dice": None, "iou": None}


def test_classes_are_judged_by_the_answer_and_by_the_probabilities():
    judged = [
        (np.asarray(0), classification(0.7, 0.2, 0.1)),
        (np.asarray(0), classification(0.1, 0.8, 0.1)),
        (np.asarray(1), classification(0.2, 0.5, 0.3)),
        (np.asarray(2), classification(0.3, 0.1, 0.6)),
    ]
    found = measured(judged, "classification", 3)
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == pytest.approx((0.5 + 1 + 1) / 3)
    # label a: positives 0.7, 0.1; negatives 0.2, 0.3: 2 of 4 pairs; b: 0.5 over 0.2, 0.8, 0.1: 2 of 3; c: 3 of 3
    assert found["auroc"] == pytest.approx((2 / 4 + 2 / 3 + 1) / 3)


def test_undefined_is_an_empty_field_and_null(tmp_path):
    write_log(tmp_path, [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": None, "dice": 0.25}])
    assert (tmp_path / "metrics.csv").read_text() == "epoch,loss,dice\n1,0.5,\n2,,0.25\n"
    assert '"loss": null' in (tmp_path / "metrics.json").read_text()
