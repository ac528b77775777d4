"""Acceptance data: a CSV table beside its images; `file,label,<probabilities>`, or `case,...` with a label map."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Row:
    """One image: its file, and what is known of it."""

    image: Path
    label: str | None
    probabilities: tuple[float, ...]
    label_map: Path | None


def read_rows(criterion: Mapping[str, Any]) -> list[Row]:
    """The rows that a criterion of a service file takes in."""
    table = ROOT / criterion["dataset"]
    wanted = criterion.get("where", {})
    with table.open(encoding="utf-8", newline="") as stream:
        found = [row for row in csv.DictReader(stream) if all(row[key] == value for key, value in wanted.items())]
    return [_case(table.parent, row) if "case" in row else _file(table.parent, row) for row in found]


def _case(folder: Path, row: Mapping[str, str]) -> Row:
    name = f"{row['case']}.png"
    return Row(folder / "images" / name, None, (), folder / "labels" / name)


def _file(folder: Path, row: Mapping[str, str]) -> Row:
    probabilities = tuple(float(value) for key, value in row.items() if key not in ("file", "label"))
    return Row(folder / row["file"], row["label"], probabilities, None)
