"""What is measured on the held-out cases after every epoch.

Requires  REQ-F-TRN-004
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from medtorch.errors import DataError
from medtorch.metrics import CaseMean, accuracy, auroc, balanced_accuracy, dice, iou
from medtorch.serve.prediction import Array, Classification, Prediction, Segmentation

Judged = Sequence[tuple[Array, Prediction]]  # the truth, and what was predicted


@dataclass(frozen=True)
class Measure:
    """A number for a set of predictions; None of `compute` means the loss, which is computed where the scores are."""

    tasks: tuple[str, ...]
    higher_is_better: bool
    compute: Callable[[Judged, int], float] | None


def _dice(judged: Judged, labels: int) -> float:
    return _mean_overlap(judged, labels, dice)


def _iou(judged: Judged, labels: int) -> float:
    return _mean_overlap(judged, labels, iou)


def case_overlaps(judged: Judged, labels: int, overlap: Callable[..., object]) -> list[list[float]]:
    """Each case's overlap for each label above 0; nan for a label in neither mask."""
    rows = []
    for truth, prediction in judged:
        if not isinstance(prediction, Segmentation):
            raise DataError(f"a segmentation is measured, the model gave a {type(prediction).__name__}")
        values = overlap(prediction.mask, truth, num_classes=labels)
        rows.append([float(value) for value in np.asarray(values)[1:]])
    return rows


def _mean_overlap(judged: Judged, labels: int, overlap: Callable[..., object]) -> float:
    """The mean over cases, then over labels above 0; nan where a label is in no case."""
    mean = CaseMean()
    mean.update(np.asarray(case_overlaps(judged, labels, overlap), np.float64))
    return float(np.mean(mean.compute().numpy()))


def _accuracy(judged: Judged, labels: int) -> float:
    return float(accuracy(*_answers(judged, labels), num_classes=labels).item())


def _balanced_accuracy(judged: Judged, labels: int) -> float:
    return float(balanced_accuracy(*_answers(judged, labels), num_classes=labels).item())


def _auroc(judged: Judged, labels: int) -> float:
    probabilities = np.array([list(_class(prediction).probabilities.values()) for _, prediction in judged])
    truth = np.array([int(truth) for truth, _ in judged])
    return float(auroc(probabilities, truth, average="macro").item())


def _answers(judged: Judged, labels: int) -> tuple[np.ndarray, np.ndarray]:
    answers = [list(_class(prediction).probabilities).index(_class(prediction).label) for _, prediction in judged]
    return np.array(answers), np.array([int(truth) for truth, _ in judged])


def _class(prediction: Prediction) -> Classification:
    if not isinstance(prediction, Classification):
        raise DataError(f"a classification is measured, the model gave a {type(prediction).__name__}")
    return prediction


_BOTH = ("classification", "segmentation")

MEASURES: dict[str, Measure] = {
    "loss": Measure(_BOTH, False, None),
    "dice": Measure(("segmentation",), True, _dice),
    "iou": Measure(("segmentation",), True, _iou),
    "accuracy": Measure(("classification",), True, _accuracy),
    "balanced_accuracy": Measure(("classification",), True, _balanced_accuracy),
    "auroc": Measure(("classification",), True, _auroc),
}


def measured(judged: Judged, task: str, labels: int) -> dict[str, float | None]:
    """Every measure of the task but the loss; None where it is undefined."""
    values = {
        name: measure.compute(judged, labels)
        for name, measure in MEASURES.items()
        if measure.compute is not None and task in measure.tasks
    }
    return {name: None if math.isnan(value) else value for name, value in values.items()}
