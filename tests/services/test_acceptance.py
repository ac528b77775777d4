"""The model under validation meets the criteria of its service file. The figures are worked out here, in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import medtorch
from tests.services.dataset import Row, read_rows


@pytest.mark.requirement("REQ-F-VAL-015")
def test_the_model_meets_every_criterion_of_its_service(bundle_path: Path, bundle_sha256: str, criteria, evidence):
    assert criteria, "the service file names no acceptance criterion"
    bundle = medtorch.load_bundle(bundle_path, sha256=bundle_sha256)
    for criterion in criteria:
        rows = read_rows(criterion)
        assert rows, f"{criterion['dataset']} holds no image that fits {criterion.get('where')}"
        value = METRICS[criterion["metric"]](rows, [bundle.predict(row.image) for row in rows])
        evidence.accept("REQ-F-VAL-015", criterion, value)


def accuracy(rows: list[Row], predictions: list[Any]) -> float:
    """Share of the images whose most probable label is the true one."""
    return float(np.mean([row.label == prediction.label for row, prediction in zip(rows, predictions, strict=True)]))


def largest_probability_error(rows: list[Row], predictions: list[Any]) -> float:
    """Largest difference from the reference probabilities, which stand in the table in the order of the labels."""
    given = np.array([list(prediction.probabilities.values()) for prediction in predictions], np.float64)
    return float(np.abs(given - np.array([row.probabilities for row in rows])).max())


def mean_dice(rows: list[Row], predictions: list[Any]) -> float:
    """2|P and T| / (|P| + |T|) of everything that is not background, worked out per image, then the mean."""
    values = []
    for row, prediction in zip(rows, predictions, strict=True):
        truth = np.asarray(Image.open(row.label_map)) > 0
        marked = prediction.mask > 0
        values.append(2 * np.count_nonzero(truth & marked) / (np.count_nonzero(truth) + np.count_nonzero(marked)))
    return float(np.mean(values))


METRICS = {"accuracy": accuracy, "largest_probability_error": largest_probability_error, "mean_dice": mean_dice}
