"""From scores to predictions, with expectations in float64."""

from __future__ import annotations

import numpy as np
import pytest

from medtorch.data import Pipeline
from medtorch.errors import DataError
from medtorch.serve.decision import decide
from medtorch.serve.postprocessing import parse_reading
from medtorch.serve.prediction import ImageFacts, regions_of

pytestmark = pytest.mark.requirement("REQ-F-MOD-904")

SOFTMAX = [{"op": "softmax"}, {"op": "argmax"}]
SIGMOID = [{"op": "sigmoid"}, {"op": "threshold", "value": 0.5}]


def predicted(scores, task, labels, steps, size=(4, 6), preprocessing=(), spacing=None):
    prepared = Pipeline.parse(list(preprocessing))(np.zeros((*size, 1), np.uint8))
    facts = ImageFacts("x.png", None, size, spacing)
    return decide(np.asarray(scores, np.float32), prepared, facts, parse_reading(task, labels, steps), "0" * 64)


def test_classes_get_the_softmax_of_their_scores():
    answer = predicted([1.0, 2.0, 0.5], "classification", ["a", "b", "c"], SOFTMAX)
    expected = np.exp([1.0, 2.0, 0.5]) / np.exp([1.0, 2.0, 0.5]).sum()
    assert list(answer.probabilities) == ["a", "b", "c"]
    np.testing.assert_allclose(list(answer.probabilities.values()), expected, rtol=1e-6)
    assert (answer.label, answer.probability) == ("b", answer.probabilities["b"])


def test_one_score_for_two_labels_is_the_probability_of_the_second():
    answer = predicted(
        [1.5], "classification", ["benign", "malignant"], [{"op": "sigmoid"}, {"op": "threshold", "value": 0.9}]
    )
    assert answer.probabilities["malignant"] == pytest.approx(1 / (1 + np.exp(-1.5)), rel=1e-6)
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.label == "benign"  # 0.82 does not reach 0.9


def test_every_label_that_reaches_the_threshold_holds():
    answer = predicted([0.0, -0.1, 3.0], "multilabel-classification", ["a", "b", "c"], SIGMOID)
    assert answer.labels == ("a", "c")  # 0.5 reaches 0.5


def test_a_mask_has_the_likeliest_label_of_each_pixel(rng):
    scores = rng.normal(size=(3, 4, 6))
    answer = predicted(scores, "segmentation", ["a", "b", "c"], SOFTMAX)
    np.testing.assert_array_equal(answer.mask, scores.argmax(0))
    expected = np.exp(scores) / np.exp(scores).sum(0)
    np.testing.assert_allclose(answer.probabilities, expected, rtol=1e-5)


def test_a_mask_comes_back_on_the_original_grid():
    scores = np.full((1, 8, 8), 5.0)
    scores[:, 5:] = -5.0  # of 8 rows, 3 below and 1 above are padding
    answer = predicted(
        scores,
        "segmentation",
        ["no", "yes"],
        SIGMOID,
        size=(5, 6),
        preprocessing=[{"op": "pad", "before": [1, 1], "after": [2, 1]}],
    )
    assert answer.mask.shape == (5, 6)
    np.testing.assert_array_equal(answer.mask[:, 0], [1, 1, 1, 1, 0])
    assert answer.probabilities.shape == (2, 5, 6)


def test_what_was_cropped_away_is_background():
    steps = [{"op": "crop", "start": [1, 2], "size": [2, 3]}]
    answer = predicted(np.full((1, 2, 3), 9.0), "segmentation", ["no", "yes"], SIGMOID, preprocessing=steps)
    expected = np.zeros((4, 6))
    expected[1:3, 2:5] = 1
    np.testing.assert_array_equal(answer.mask, expected)


def test_areas_are_counted_in_pixels_and_millimetres():
    mask = np.zeros((4, 5), np.uint8)
    mask[1:3, 1:4] = 1
    no, yes = regions_of(mask, ("no", "yes"), (0.5, 0.2))
    assert (no.pixels, yes.pixels, yes.fraction) == (14, 6, 0.3)
    assert yes.area_mm2 == pytest.approx(6 * 0.5 * 0.2)
    assert yes.volume_mm3 is None


def test_volumes_are_counted_in_cubic_millimetres():
    regions = regions_of(np.ones((2, 3, 4), np.uint8), ("no", "yes"), (2.0, 0.5, 0.5))
    assert regions[1].volume_mm3 == pytest.approx(24 * 0.5)
    assert regions[1].area_mm2 is None


def test_millimetres_are_unknown_without_spacing():
    assert regions_of(np.ones((2, 3), np.uint8), ("no", "yes"), None)[1].area_mm2 is None


@pytest.mark.parametrize(
    ("scores", "steps", "message"),
    [
        ([1.0, 2.0], SOFTMAX, r"^the scores are \(2,\), expected \(3,\) for a classification$"),
        ([1.0, np.nan, 0.0], SOFTMAX, r"^the model gives scores that are not finite$"),
        ([0.2, 1.3, 0.1], [{"op": "argmax"}], r"scores from 0.1 to 1.3 are no probabilities$"),
        ([0.2, 0.3, 0.1], [{"op": "argmax"}], r"the model's scores do not sum to 1$"),
    ],
)
def test_scores_that_cannot_be_read_are_refused(scores, steps, message):
    with pytest.raises(DataError, match=message):
        predicted(scores, "classification", ["a", "b", "c"], steps)


def test_probabilities_that_a_model_gives_itself_are_taken_as_they_are():
    answer = predicted([0.25, 0.5, 0.25], "classification", ["a", "b", "c"], [{"op": "argmax"}])
    assert dict(answer.probabilities) == {"a": 0.25, "b": 0.5, "c": 0.25}
