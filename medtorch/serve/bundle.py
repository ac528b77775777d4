"""A loaded bundle: a model that was checked, and the way from an image to a prediction.

Requires  REQ-F-MOD-902, REQ-F-MOD-904
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from medtorch.core.graph.compiled import Compiled
from medtorch.data import Image, Pipeline, Prepared, read
from medtorch.data.image import as_image
from medtorch.errors import ArgumentError, DataError, UnsupportedError
from medtorch.nn.modules.module import Module
from medtorch.serialize import Description, GoldenResult
from medtorch.serve.decision import decide
from medtorch.serve.postprocessing import Reading
from medtorch.serve.prediction import Array, ImageFacts, Prediction
from medtorch.serve.scoring import scores_of

Picture = Image | Array | str | os.PathLike[str] | bytes


@dataclass(frozen=True, eq=False)
class Bundle:
    """A model ready to predict. Made by `load_bundle`, when everything in the bundle was checked.

    `verified` says whether the caller had named the digest; `golden` how near the recorded answers were met.
    `planned` is the model compiled by the plans in the bundle, where it has some for this device: it then predicts.
    """

    path: str
    sha256: str
    verified: bool
    description: Description
    model: Module
    pipeline: Pipeline
    reading: Reading | None
    golden: tuple[GoldenResult, ...]
    device: str = "cpu"
    planned: Compiled | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.description.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the model's scores."""
        return self.description.labels

    def predict(self, image: Picture, *, region: Array | None = None) -> Prediction:
        """Predict on one image: a path, the bytes of a file, an Image, or an array with its channels last.

        `region` is a mask on the image's grid, for bundles whose preprocessing crops to one.

        Shapes    image: (H, W), (H, W, C) or (D, H, W, C)
        Raises    DataError for an image that cannot be read or does not meet the bundle's input contract;
                  UnsupportedError for a task without a reading
        Requires  REQ-F-MOD-904
        """
        reading = self._reading()
        opened = open_image(image)
        prepared = self.prepare(opened, region=region)
        return decide(self.scores(prepared.array), prepared, facts_of(opened), reading, self.sha256)

    def predict_batch(self, images: Iterable[Picture]) -> list[Prediction]:
        """Predict on several images, one after the other: no result depends on its neighbours."""
        return [self.predict(image) for image in images]

    def prepare(self, image: Image | Array, *, region: Array | None = None) -> Prepared:
        """The model's input for an image, checked against the bundle's input contract."""
        prepared = self.pipeline(image, region=region)
        self._check_contract(prepared.array)
        return prepared

    def scores(self, array: Array) -> Array:
        """The model's scores for one prepared input, through windows where the bundle says so.

        Shapes    (C, *spatial)  ->  (K,) or (K, *spatial)
        """
        return scores_of(self.planned or self.model, array, self._reading(), self.device)

    def _reading(self) -> Reading:
        if self.reading is None:
            raise UnsupportedError(
                f"{self.name}: predict reads classification, multilabel-classification and segmentation; "
                f"the task of this bundle is {self.description.task}: call its model"
            )
        return self.reading

    def _check_contract(self, array: Array) -> None:
        if len(self.description.inputs) != 1:
            raise UnsupportedError(
                f"{self.name}: predict takes models with one input, not {len(self.description.inputs)}"
            )
        contract = self.description.inputs[0]
        given = (1, *array.shape)
        fits = len(given) == len(contract.shape) and all(
            want is None or want == have for want, have in zip(contract.shape, given, strict=True)
        )
        if not fits or array.dtype.name != contract.dtype:
            wanted = ", ".join("any" if side is None else str(side) for side in contract.shape)
            raise DataError(
                f"{self.name}: the prepared image is {given} {array.dtype.name}, "
                f"the model takes ({wanted}) {contract.dtype}"
            )
        if contract.value_range is not None:
            low, high = float(array.min()), float(array.max())
            if not (contract.value_range[0] <= low and high <= contract.value_range[1]):
                raise DataError(
                    f"{self.name}: the prepared image has values from {low:g} to {high:g}, "
                    f"the model takes {contract.value_range[0]:g} to {contract.value_range[1]:g}"
                )


def open_image(image: Picture) -> Image:
    """Read a path or bytes; wrap an array."""
    if isinstance(image, (str, os.PathLike, bytes)):
        return read(image)
    if isinstance(image, (Image, np.ndarray)):
        return as_image(image)
    raise ArgumentError(f"predict: takes a path, bytes, an Image or an array, not a {type(image).__name__}")


def facts_of(image: Image) -> ImageFacts:
    """What is told of an image in its prediction."""
    source = image.source
    return ImageFacts(
        name=None if source is None else source.name,
        sha256=None if source is None else source.sha256,
        size=image.size,
        spacing_mm=image.spacing_mm,
    )
