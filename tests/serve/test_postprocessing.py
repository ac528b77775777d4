"""How a bundle says that scores are read."""

from __future__ import annotations

import pytest

from medtorch.errors import ConfigError
from medtorch.serve.postprocessing import SlidingWindow, parse_reading

pytestmark = pytest.mark.requirement("REQ-F-MOD-903")


def test_softmax_and_argmax_read_one_score_a_label():
    reading = parse_reading("classification", ["a", "b", "c"], [{"op": "softmax"}, {"op": "argmax"}])
    assert (reading.activation, reading.threshold, reading.channels) == ("softmax", None, 3)


def test_sigmoid_with_two_labels_reads_one_score():
    reading = parse_reading("segmentation", ["no", "yes"], [{"op": "sigmoid"}, {"op": "threshold", "value": 0.4}])
    assert (reading.activation, reading.threshold, reading.channels) == ("sigmoid", 0.4, 1)


def test_several_labels_at_once_read_one_score_each_even_if_there_are_two():
    reading = parse_reading("multilabel-classification", ["a", "b"], [{"op": "sigmoid"}, {"op": "threshold"}])
    assert reading.channels == 2


def test_window_and_output_are_read():
    steps = [
        {"op": "sliding_window", "size": [64, 32], "overlap": 0.5},
        {"op": "output", "index": 1},
        {"op": "softmax"},
        {"op": "argmax"},
    ]
    reading = parse_reading("segmentation", ["a", "b"], steps)
    assert reading.window == SlidingWindow((64, 32), 0.5)
    assert reading.output == 1


def test_other_tasks_have_no_reading():
    assert parse_reading("regression", [], []) is None


@pytest.mark.parametrize(
    ("task", "labels", "steps", "message"),
    [
        ("classification", ["a", "b"], [{"op": "softmax"}],
         r"^postprocessing: no decision: end with argmax or threshold$"),
        ("classification", ["a", "b"], [{"op": "argmax"}, {"op": "softmax"}],
         r"out of order or twice: argmax, softmax$"),
        ("classification", ["a", "b"], [{"op": "softmax"}, {"op": "sigmoid"}, {"op": "argmax"}],
         r"out of order or twice"),
        ("classification", ["a", "b"], [{"op": "softmax"}, {"op": "threshold"}],
         r"softmax goes with argmax, sigmoid with threshold$"),
        ("classification", ["a", "b"], [{"op": "sigmoid"}, {"op": "argmax"}],
         r"sigmoid goes with threshold, softmax with argmax$"),
        ("multilabel-classification", ["a"], [{"op": "softmax"}, {"op": "argmax"}],
         r"a multilabel-classification ends with threshold$"),
        ("segmentation", ["a", "b", "c"], [{"op": "sigmoid"}, {"op": "threshold"}],
         r"between two labels in a segmentation, there are 3$"),
        ("classification", [], [{"op": "softmax"}, {"op": "argmax"}], r"a classification needs labels$"),
        ("classification", ["a", "b"], [{"op": "sliding_window", "size": [8, 8]}, {"op": "softmax"}, {"op": "argmax"}],
         r"sliding_window is for a segmentation"),
        ("classification", ["a"], [{"op": "majority"}], r"^postprocessing\[0\]: unknown op 'majority'"),
        ("segmentation", ["a", "b"], [{"op": "sigmoid"}, {"op": "threshold", "value": 1.0}],
         r"^postprocessing\[1\]: threshold: value must lie between 0 and 1, not 1.0$"),
        ("segmentation", ["a", "b"], [{"op": "sliding_window", "size": [8]}],
         r"size must be 2 or 3 whole numbers of at least 1, not \(8,\)$"),
        ("segmentation", ["a", "b"], [{"op": "sliding_window", "size": [8, 8], "overlap": 1}],
         r"overlap must be at least 0 and below 1, not 1$"),
        ("classification", ["a", "b"], [{"op": "output", "index": -1}],
         r"output: index must be a whole number of at least 0, not -1$"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(task, labels, steps, message):
    with pytest.raises(ConfigError, match=message):
        parse_reading(task, labels, steps)
