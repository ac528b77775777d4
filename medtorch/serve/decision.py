"""Scores of one image -> its prediction.

Requires  REQ-F-MOD-903, REQ-F-MOD-904
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medtorch.core.creation import from_numpy
from medtorch.core.ops.elementwise import sigmoid
from medtorch.core.ops.softmax import softmax
from medtorch.data import Prepared
from medtorch.errors import DataError
from medtorch.serve.postprocessing import Reading
from medtorch.serve.prediction import Array, Classification, Findings, ImageFacts, Prediction, Segmentation

_SUM_TOLERANCE = 1e-3  # of probabilities that a model gives itself, in float32 or float16


def decide(scores: Array, prepared: Prepared, image: ImageFacts, reading: Reading, bundle_sha256: str) -> Prediction:
    """Read the scores of one image as the bundle says.

    Shapes    scores (K,) or, for a segmentation, (K, *spatial) on the model's grid
    Raises    DataError for scores that are not finite, not probabilities where they should be, or on another grid
    """
    spatial = prepared.geometry.size if reading.task == "segmentation" else ()
    if scores.shape != (reading.channels, *spatial):
        raise DataError(f"the scores are {scores.shape}, expected {(reading.channels, *spatial)} for a {reading.task}")
    if not np.isfinite(scores).all():
        raise DataError("the model gives scores that are not finite")
    probabilities = probabilities_of(scores, reading)
    if reading.task == "segmentation":
        whole = prepared.geometry.undo_scores(probabilities)
        return Segmentation(image, bundle_sha256, reading.labels, mask_of(whole, reading), whole)
    named = {label: float(value) for label, value in zip(reading.labels, probabilities, strict=True)}
    if reading.task == "multilabel-classification":
        holding = tuple(label for label, value in named.items() if value >= _given(reading.threshold))
        return Findings(image, bundle_sha256, holding, named)
    return Classification(image, bundle_sha256, reading.labels[int(_place(probabilities, reading))], named)


def probabilities_of(scores: Array, reading: Reading) -> NDArray[np.float32]:
    """One probability for each label, along the first axis."""
    tensor = from_numpy(np.ascontiguousarray(scores, dtype=np.float32))
    if reading.activation == "softmax":
        values = softmax(tensor, 0).numpy()
    elif reading.activation == "sigmoid":
        values = sigmoid(tensor).numpy()
    else:
        values = _already(tensor.numpy(), reading)
    return np.concatenate([1 - values, values]) if reading.positive_only else values


def mask_of(probabilities: NDArray[np.float32], reading: Reading) -> Array:
    """The place of each pixel's label; 0 where no label has any probability."""
    places: Array = _place(probabilities, reading)
    return places.astype(np.uint8 if len(reading.labels) <= 256 else np.uint16)


def _place(probabilities: NDArray[np.float32], reading: Reading) -> Array:
    if reading.threshold is None:
        places: Array = np.argmax(probabilities, axis=0)
    else:
        places = (probabilities[1] >= np.float32(reading.threshold)).astype(np.int64)
    return places


def _already(values: NDArray[np.float32], reading: Reading) -> NDArray[np.float32]:
    exclusive = reading.threshold is None
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise DataError(
            "the bundle names neither softmax nor sigmoid, "
            f"but the model's scores from {low:g} to {high:g} are no probabilities"
        )
    if exclusive and float(np.abs(values.sum(axis=0) - 1).max()) > _SUM_TOLERANCE:
        raise DataError("the bundle names no softmax, but the model's scores do not sum to 1")
    return values


def _given(threshold: float | None) -> float:
    if threshold is None:
        raise DataError("a multilabel-classification without threshold")
    return threshold
