"""What a training is: the parts of its description, checked, as data.

Requires  REQ-F-TRN-001
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medtorch.data import Augmentation, Pipeline
from medtorch.serialize import Architecture
from medtorch.serve.postprocessing import Reading
from medtorch.serve.spec import BundleSpec

Task = Literal["classification", "segmentation"]


@dataclass(frozen=True)
class Named:
    """One of a table's entries, with arguments."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Loss:
    """A term of the loss."""

    name: str
    weight: float
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class HoldOut:
    """Which rows are validated on: a share of each group, drawn with a seed, or those with a value in a column."""

    fraction: float | None
    seed: int
    stratify: str | None
    column: str | None
    value: str | None


@dataclass(frozen=True)
class DataConfig:
    """The table of cases, and where each one's image and truth are; templates hold columns: images/{case}.png."""

    folder: Path
    table: str
    image: str
    mask: str | None
    mask_values: Literal["labels", "foreground"]
    label: str | None
    hold_out: HoldOut


@dataclass(frozen=True)
class Stages:
    """Random changes of the image as it was read, and of the prepared one, whose values have a meaning of their own."""

    image: Augmentation
    prepared: Augmentation


@dataclass(frozen=True)
class Schedule:
    """How the learning rate goes on, an epoch or a step at a time."""

    name: str
    every: Literal["epoch", "step"]
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Best:
    """The measure that decides which epoch is best, and when to stop."""

    measure: str
    patience: int | None


@dataclass(frozen=True)
class TrainingConfig:
    """A whole training."""

    name: str
    task: Task
    seed: int
    device: str
    labels: tuple[str, ...]
    data: DataConfig
    pipeline: Pipeline
    reading: Reading
    augmentation: Stages
    architecture: Architecture
    losses: tuple[Loss, ...]
    optimizer: Named
    scheduler: Schedule | None
    epochs: int
    batch_size: int
    samples_per_case: int
    workers: int
    validate_every_epochs: int
    clip_grad_norm: float | None
    checkpoint_every_steps: int | None
    best: Best
    plot: bool
    bundle: BundleSpec | None
    text: dict[str, Any]  # the description itself, as plain data
