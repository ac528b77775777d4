"""The table of cases: which images there are, what is true of them, and which are held out.

Requires  REQ-F-TRN-002
"""

from __future__ import annotations

import csv
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.core.stream import Stream
from medtorch.data import Image, Prepared, read
from medtorch.errors import ConfigError, DataError
from medtorch.training.config import DataConfig, HoldOut, TrainingConfig

Array = NDArray[Any]
Row = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """A row of the table: its image, and its mask or label."""

    name: str
    image: Path
    mask: Path | None
    label: str | None
    row: Row


@dataclass(frozen=True, eq=False)
class Loaded:
    """A case in memory.

    `truth` is on the image's own grid, `target` on the model's: the numbers of labels, or of one label.
    """

    case: Case
    image: Image
    prepared: Prepared
    truth: Array
    target: Array


def read_cases(config: DataConfig) -> list[Case]:
    """The cases of the table, in its order. Raises ConfigError, DataError naming table and row."""
    path = config.folder / config.table
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: no table: {error}") from error
    if not rows:
        raise DataError(f"{path}: a table without cases")
    if any(None in row or None in row.values() for row in rows):
        raise DataError(f"{path}: a row has more or fewer fields than the first line")
    cases = [_case(config, row, path) for row in rows]
    names = [case.name for case in cases]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: two rows name the image {twice}")
    return cases


def split(cases: Sequence[Case], hold_out: HoldOut) -> tuple[list[Case], list[Case]]:
    """Training and held-out cases, each in the table's order. Raises ConfigError where one of them is empty."""
    held = set(_held_out(cases, hold_out))
    parts = [case for case in cases if case.name not in held], [case for case in cases if case.name in held]
    if not all(parts):
        raise ConfigError(f"hold_out: {len(parts[0])} cases to train on and {len(parts[1])} to validate on")
    return parts


def load(case: Case, config: TrainingConfig) -> Loaded:
    """Read and prepare a case. Raises DataError naming the file."""
    image = read(case.image)
    prepared = config.pipeline(image)
    if case.mask is None:
        place = np.asarray(config.labels.index(_known(case, config.labels)), np.int64)
        return Loaded(case, image, prepared, place, place)
    truth = read_mask(case.mask, config.data.mask_values, len(config.labels))
    if truth.shape != image.size:
        raise DataError(f"{case.mask}: the mask is {truth.shape}, its image {image.size}")
    return Loaded(case, image, prepared, truth, prepared.geometry.apply_mask(truth))


def read_mask(path: Path, values: str, labels: int) -> Array:
    """A label map as numbers of labels; with `foreground` every number above 0 is label 1. Raises DataError."""
    image = read(path)
    if image.source is not None and image.source.mode == "P":
        image = read(path, palette="index")
    array = image.array
    if array.shape[-1] != 1 or array.dtype.kind not in "ui":
        raise DataError(f"{path}: a mask has one channel of whole numbers, this has {array.shape[-1]} of {array.dtype}")
    numbers = array[..., 0].astype(np.int64)
    numbers = (numbers > 0).astype(np.int64) if values == "foreground" else numbers
    if int(numbers.max()) >= labels:
        raise DataError(f"{path}: the mask holds {int(numbers.max())}, there are {labels} labels (from 0)")
    return numbers


def _case(config: DataConfig, row: Row, path: Path) -> Case:
    def filled(template: str) -> str:
        for _, name, _, _ in string.Formatter().parse(template):
            if name is not None and name not in row:
                raise ConfigError(
                    f"{path}: has no column {name!r} (columns: {', '.join(row)}), asked for by {template!r}"
                )
        return template.format_map(dict(row))

    image = filled(config.image)
    mask = None if config.mask is None else config.folder / filled(config.mask)
    label = None if config.label is None else filled(config.label)
    return Case(image, config.folder / image, mask, label, row)


def _held_out(cases: Sequence[Case], hold_out: HoldOut) -> Iterable[str]:
    if hold_out.column is not None:
        return [case.name for case in cases if _field(case, hold_out.column) == hold_out.value]
    groups: dict[str, list[str]] = {}
    for case in cases:
        groups.setdefault("" if hold_out.stratify is None else _field(case, hold_out.stratify), []).append(case.name)
    stream = Stream(hold_out.seed)
    return [name for key in sorted(groups) for name in _drawn(groups[key], hold_out.fraction or 0.0, stream)]


def _drawn(names: list[str], fraction: float, stream: Stream) -> list[str]:
    """A share of a group, at least one of two or more, never all."""
    count = 0 if len(names) < 2 else min(max(1, round(fraction * len(names))), len(names) - 1)
    return [names[place] for place in stream.permutation(len(names))[:count]]


def _field(case: Case, column: str) -> str:
    if column not in case.row:
        raise ConfigError(f"hold_out: there is no column {column!r} (columns: {', '.join(case.row)})")
    return case.row[column]


def _known(case: Case, labels: Sequence[str]) -> str:
    if case.label not in labels:
        raise DataError(f"{case.image}: its label {case.label!r} is none of {', '.join(labels)}")
    return str(case.label)
