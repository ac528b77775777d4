"""From a model's scores to probabilities and a decision, described as data in the bundle.

The steps, in this order, each at most once:
    sliding_window     the scores of a large image are put together from windows of `size`
    output             which of several outputs of the model is meant
    softmax | sigmoid  scores to probabilities; neither, for a model that gives probabilities itself
    argmax | threshold the decision: the likeliest label, or every label whose probability reaches `value`

Requires  REQ-F-MOD-903
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from medtorch.data.steps import parse_steps
from medtorch.errors import ConfigError

Activation = Literal["softmax", "sigmoid", "none"]

TASKS = ("classification", "multilabel-classification", "segmentation")


@dataclass(frozen=True)
class SlidingWindow:
    """Windows of `size` that overlap by the share `overlap` of their sides, blended with a Gaussian weight."""

    size: tuple[int, ...]
    overlap: float = 0.25
    stage: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if not (
            isinstance(self.size, tuple) and len(self.size) in (2, 3) and all(_whole(side, 1) for side in self.size)
        ):
            raise ConfigError(f"sliding_window: size must be 2 or 3 whole numbers of at least 1, not {self.size!r}")
        if not _number(self.overlap) or not 0 <= self.overlap < 1:
            raise ConfigError(f"sliding_window: overlap must be at least 0 and below 1, not {self.overlap!r}")


@dataclass(frozen=True)
class Output:
    """The output at place `index` of a model that gives several."""

    index: int
    stage: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not _whole(self.index, 0):
            raise ConfigError(f"output: index must be a whole number of at least 0, not {self.index!r}")


@dataclass(frozen=True)
class Softmax:
    """Probabilities of labels of which exactly one holds."""

    stage: ClassVar[int] = 2


@dataclass(frozen=True)
class Sigmoid:
    """Probabilities of labels each of which holds or not; one score is that of the second of two labels."""

    stage: ClassVar[int] = 2


@dataclass(frozen=True)
class Argmax:
    """The likeliest label, the first one of equals."""

    stage: ClassVar[int] = 3


@dataclass(frozen=True)
class Threshold:
    """Every label whose probability is at least `value`."""

    value: float = 0.5
    stage: ClassVar[int] = 3

    def __post_init__(self) -> None:
        if not _number(self.value) or not 0 < self.value < 1:
            raise ConfigError(f"threshold: value must lie between 0 and 1, not {self.value!r}")


Step = SlidingWindow | Output | Softmax | Sigmoid | Argmax | Threshold

STEPS: dict[str, type[Step]] = {
    "sliding_window": SlidingWindow,
    "output": Output,
    "softmax": Softmax,
    "sigmoid": Sigmoid,
    "argmax": Argmax,
    "threshold": Threshold,
}


@dataclass(frozen=True)
class Reading:
    """How scores are read: the parsed steps, and what they mean for a task and its labels."""

    task: str
    labels: tuple[str, ...]
    window: SlidingWindow | None
    output: int | None
    activation: Activation
    threshold: float | None  # None: argmax

    @property
    def channels(self) -> int:
        """Scores that the model must give for one image, or for one pixel."""
        return 1 if self.positive_only else len(self.labels)

    @property
    def positive_only(self) -> bool:
        """One score for two labels: the probability of the second; the first has the rest."""
        return self.threshold is not None and len(self.labels) == 2 and self.task != "multilabel-classification"


def parse_reading(task: str, labels: Sequence[str], description: object) -> Reading | None:
    """The reading that a bundle's `postprocessing` describes; None for a task whose predictions have no reading here.

    Raises    ConfigError for unknown, contradicting or missing steps
    """
    if task not in TASKS:
        return None
    steps = parse_steps(description, STEPS, "postprocessing")
    stages = [step.stage for step in steps]
    if sorted(set(stages)) != stages:
        raise ConfigError("postprocessing: steps are out of order or twice: " + ", ".join(map(_name, steps)))
    reading = _read(task, tuple(labels), {step.stage: step for step in steps})
    _check(reading)
    return reading


def _read(task: str, labels: tuple[str, ...], steps: dict[int, Step]) -> Reading:
    window, output, activation, decision = (steps.get(stage) for stage in range(4))
    if decision is None:
        raise ConfigError("postprocessing: no decision: end with argmax or threshold")
    return Reading(
        task=task,
        labels=labels,
        window=window if isinstance(window, SlidingWindow) else None,
        output=output.index if isinstance(output, Output) else None,
        activation=_activation(activation),
        threshold=decision.value if isinstance(decision, Threshold) else None,
    )


def _activation(step: Step | None) -> Activation:
    if isinstance(step, Softmax):
        return "softmax"
    return "sigmoid" if isinstance(step, Sigmoid) else "none"


def _check(reading: Reading) -> None:
    several = reading.task == "multilabel-classification"
    if not reading.labels:
        raise ConfigError(f"postprocessing: a {reading.task} needs labels")
    if reading.activation == "softmax" and reading.threshold is not None:
        raise ConfigError("postprocessing: softmax goes with argmax, sigmoid with threshold")
    if reading.activation == "sigmoid" and reading.threshold is None:
        raise ConfigError("postprocessing: sigmoid goes with threshold, softmax with argmax")
    if several and reading.threshold is None:
        raise ConfigError("postprocessing: a multilabel-classification ends with threshold")
    if not several and reading.threshold is not None and len(reading.labels) != 2:
        raise ConfigError(
            f"postprocessing: threshold decides between two labels in a {reading.task}, there are {len(reading.labels)}"
        )
    if reading.window is not None and reading.task != "segmentation":
        raise ConfigError(f"postprocessing: sliding_window is for a segmentation, not for a {reading.task}")


def _name(step: Any) -> str:
    return next(name for name, kind in STEPS.items() if type(step) is kind)


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
