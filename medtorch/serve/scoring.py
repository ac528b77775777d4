"""One prepared input -> the model's scores, through windows where the reading says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from medtorch.core.creation import from_numpy
from medtorch.core.modes import inference_mode
from medtorch.core.tensor import Tensor
from medtorch.errors import DataError
from medtorch.serve.inference import parts_of
from medtorch.serve.postprocessing import Reading
from medtorch.serve.prediction import Array
from medtorch.serve.tiles import blend


def scores_of(model: Callable[..., Any], array: Array, reading: Reading, device: str = "cpu") -> Array:
    """The scores of one input, on the CPU.

    Shapes    (C, *spatial)  ->  (K,), or (K, *spatial) for a segmentation
    Raises    DataError if the model gives scores that do not fit the labels
    """
    if reading.window is None:
        return _run(model, array, reading, device)
    return blend(lambda part: _run(model, part, reading, device), array, reading.window.size, reading.window.overlap)


def _run(model: Callable[..., Any], array: Array, reading: Reading, device: str) -> Array:
    with inference_mode():
        scores = _chosen(model(from_numpy(array[None]).to(device)), reading.output)
    if scores.shape[0] != 1 or scores.shape[1] != reading.channels:
        raise DataError(
            f"the model gives scores of {tuple(scores.shape)}, "
            f"{reading.channels} are needed for the labels {', '.join(reading.labels)}"
        )
    return np.asarray(scores.cpu().numpy()[0])


def _chosen(given: Any, index: int | None) -> Tensor:
    if isinstance(given, Tensor):
        if index is not None:
            raise DataError("the bundle names one of several outputs, its model gives one")
        return given
    parts = parts_of(given)
    if index is None:
        if len(parts) == 1:
            return parts[0]
        raise DataError(f"the model gives {len(parts)} outputs, the bundle does not say which is meant (step 'output')")
    if index >= len(parts):
        raise DataError(f"the bundle names output {index}, its model gives {len(parts)}")
    return parts[index]
