"""Metrics of predicted classes and label maps: by hand, by scikit-learn, undefined cases, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

import medtorch
from medtorch import metrics
from medtorch.errors import ArgumentError, DtypeError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-MET-001", "REQ-F-MET-002")
overlap = pytest.mark.requirement("REQ-F-MET-003")

# Truth x prediction, worked out on paper:
#            predicted 0  1  2
#   truth 0            3  1  0
#   truth 1            1  2  1
#   truth 2            0  0  2
TRUTH = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
PREDICTION = [0, 0, 0, 1, 0, 1, 1, 2, 2, 2]


def values(tensor):
    return tensor.numpy().tolist()


def test_the_confusion_matrix_has_the_truth_in_its_rows():
    found = metrics.confusion_matrix(PREDICTION, TRUTH, num_classes=3)
    assert values(found) == [[3, 1, 0], [1, 2, 1], [0, 0, 2]]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.accuracy, 7 / 10),
        (metrics.balanced_accuracy, (3 / 4 + 2 / 4 + 2 / 2) / 3),
        (metrics.precision, [3 / 4, 2 / 3, 2 / 3]),
        (metrics.recall, [3 / 4, 2 / 4, 2 / 2]),
        (metrics.sensitivity, [3 / 4, 2 / 4, 2 / 2]),
        (metrics.specificity, [5 / 6, 5 / 6, 7 / 8]),
        (metrics.f1, [6 / 8, 4 / 7, 4 / 5]),
        (metrics.dice, [6 / 8, 4 / 7, 4 / 5]),
        (metrics.iou, [3 / 5, 2 / 5, 2 / 3]),
    ],
)
def test_values_worked_out_on_paper(metric, expected):
    found = metric(PREDICTION, TRUTH, num_classes=3)
    assert found.dtype is medtorch.float64
    assert np.allclose(found.numpy(), expected, rtol=1e-15, atol=0)


def test_tensors_arrays_and_lists_give_the_same():
    for kind in (medtorch.tensor, np.array, list):
        assert values(metrics.recall(kind(PREDICTION), kind(TRUTH), num_classes=3)) == [0.75, 0.5, 1.0]


def test_the_shape_does_not_matter():
    shaped = (np.reshape(PREDICTION, (5, 2)), np.reshape(TRUTH, (5, 2)))
    assert values(metrics.f1(*shaped, num_classes=3)) == values(metrics.f1(PREDICTION, TRUTH, num_classes=3))


def test_ignored_elements_do_not_count():
    truth = [0, 255, 1, 255]
    assert values(metrics.accuracy([0, 0, 0, 1], truth, num_classes=2, ignore_index=255)) == 0.5
    assert values(metrics.dice([0, 0, 0, 1], truth, num_classes=2, ignore_index=255)) == [2 / 3, 0.0]


def test_booleans_are_the_classes_0_and_1():
    truth, prediction = np.array([True, True, False]), np.array([True, False, False])
    assert values(metrics.recall(prediction, truth, num_classes=2)) == [1.0, 0.5]


@pytest.mark.parametrize("classes", [2, 5])
def test_everything_agrees_with_scikit_learn(classes, rng, needs_sklearn):
    sk = needs_sklearn
    truth, prediction = rng.integers(0, classes, (2, 500))
    arguments = {"num_classes": classes}
    labels = list(range(classes))
    pairs = [
        (metrics.confusion_matrix, sk.confusion_matrix(truth, prediction)),
        (metrics.accuracy, sk.accuracy_score(truth, prediction)),
        (metrics.balanced_accuracy, sk.balanced_accuracy_score(truth, prediction)),
        (metrics.precision, sk.precision_score(truth, prediction, average=None)),
        (metrics.recall, sk.recall_score(truth, prediction, average=None)),
        (metrics.specificity, [sk.recall_score(truth != c, prediction != c) for c in labels]),
        (metrics.f1, sk.f1_score(truth, prediction, average=None)),
        (metrics.iou, sk.jaccard_score(truth, prediction, average=None)),
    ]
    for metric, expected in pairs:
        assert np.allclose(metric(prediction, truth, **arguments).numpy(), expected, rtol=1e-14, atol=0), metric


# ---------------------------------------------------------------- undefined


def test_an_absent_class_is_nan_and_never_0_or_1():
    truth, prediction = [0, 0, 1], [0, 1, 1]
    for metric in (metrics.precision, metrics.recall, metrics.f1, metrics.dice, metrics.iou):
        found = metric(prediction, truth, num_classes=3).numpy()
        assert math.isnan(found[2])
        assert not np.isnan(found[:2]).any()


def test_a_class_never_predicted_has_no_precision_but_a_recall():
    found = metrics.precision([0, 0], [0, 1], num_classes=2).numpy()
    assert found[0] == 0.5
    assert math.isnan(found[1])
    assert values(metrics.recall([0, 0], [0, 1], num_classes=2)) == [1.0, 0.0]


def test_balanced_accuracy_is_undefined_when_a_class_is_absent():
    assert math.isnan(metrics.balanced_accuracy([0, 1], [0, 1], num_classes=3).item())


def test_specificity_is_undefined_when_everything_is_the_class():
    found = metrics.specificity([1, 1], [1, 1], num_classes=2).numpy()
    assert found[0] == 1.0
    assert math.isnan(found[1])


def test_nothing_gives_nan():
    empty = np.zeros(0, np.int64)
    assert math.isnan(metrics.accuracy(empty, empty, num_classes=2).item())


def test_both_masks_empty_is_undefined_and_one_empty_mask_is_0():
    nothing, something = np.zeros((4, 4), np.int64), np.eye(4, dtype=np.int64)
    assert math.isnan(metrics.dice(nothing, nothing, num_classes=2).numpy()[1])
    assert metrics.dice(nothing, something, num_classes=2).numpy()[1] == 0.0


# ---------------------------------------------------------------- overlapping masks


@overlap
def test_masks_of_classes_may_overlap():
    truth = np.zeros((1, 2, 1, 4), bool)
    truth[0, 0, 0, :4] = truth[0, 1, 0, :2] = True
    prediction = truth.copy()
    prediction[0, 1, 0, 1:3] = [False, True]
    counts = metrics.mask_overlap_counts(prediction, truth)
    assert values(metrics.dice(counts)) == [1.0, 0.5]
    assert metrics.mask_overlap_counts(prediction, truth, per_case=True).truth.tolist() == [[4, 2]]
    with pytest.raises(ShapeError, match=r"boolean masks \(N, C, ...\) of the same shape\n  prediction .* int64"):
        metrics.mask_overlap_counts(truth.astype(np.int64), truth)


@overlap
def test_dice_of_cases_is_one_row_an_image():
    truth = np.array([[1, 1, 0, 0], [0, 0, 0, 0]])
    prediction = np.array([[1, 0, 0, 0], [0, 0, 0, 1]])
    counts = metrics.overlap_counts(prediction, truth, num_classes=2, per_case=True)
    found = metrics.dice(counts).numpy()
    assert np.allclose(found, [[4 / 5, 2 / 3], [6 / 7, 0.0]], rtol=1e-15)
    assert values(metrics.dice(counts.total())) == values(metrics.dice(prediction, truth, num_classes=2))


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.dice])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0.2, 0.7], [0, 1], 2), DtypeError, r"prediction must hold class numbers, not float64: take the argmax"),
        (([0, 1], [0, 1, 1], 2), ShapeError, r"same shape\n  prediction \(2,\), truth \(3,\)"),
        ((0, 0, 2), ShapeError, "must have at least one axis"),
        (([0, 2], [0, 1], 2), ArgumentError, "prediction holds class 2, the classes are 0 to 1"),
        (([0, 1], [0, -1], 2), ArgumentError, "truth holds class -1, the classes are 0 to 1"),
        (([0, 1], [0, 1], 1), ArgumentError, "num_classes must be a whole number of at least 2, not 1"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_name(metric, arguments, error, message):
    prediction, truth, classes = arguments
    with pytest.raises(error, match=f"(?s)^{metric.__name__}: .*{message}"):
        metric(prediction, truth, num_classes=classes)


@pytest.mark.parametrize("metric", [metrics.f1, metrics.iou])
def test_missing_and_surplus_arguments_are_refused(metric):
    with pytest.raises(ArgumentError, match=f"^{metric.__name__}: needs prediction, truth and num_classes, or counts$"):
        metric(PREDICTION, TRUTH)
    made = metrics.overlap_counts if metric is metrics.iou else metrics.confusion_counts
    with pytest.raises(ArgumentError, match="counts go without truth, num_classes and ignore_index"):
        metric(made(PREDICTION, TRUTH, num_classes=3), num_classes=3)


def test_counts_of_different_classes_do_not_add_up():
    two = metrics.confusion_counts([0], [1], num_classes=2)
    three = metrics.confusion_counts([0], [1], num_classes=3)
    with pytest.raises(ShapeError, match=r"counts of shape \(2, 2\) and \(3, 3\) do not add up"):
        two + three
