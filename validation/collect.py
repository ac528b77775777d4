"""Asks pytest, in a process of its own, which tests there are and which requirements they say they show."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.errors import UsageError
from validation.execute import run_pytest
from validation.scrub import scrub

COLLECT_SECONDS = 600


@dataclass(frozen=True)
class Collected:
    """The tests of a checkout: function -> requirement ids; files that could not be collected; pytest's settings."""

    functions: dict[str, frozenset[str]]
    problems: dict[str, str]
    settings: dict[str, Any]


def collect(root: Path) -> Collected:
    """Collect all tests under root/tests without running them.

    Raises    UsageError if pytest itself does not work
    """
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch, "collected.json")
        arguments = [
            "--collect-only",
            "-q",
            "--continue-on-collection-errors",
            f"--validation-collect={answer}",
            "tests",
        ]
        printed = run_pytest(root, arguments, timeout_s=COLLECT_SECONDS)
        if not answer.is_file():
            raise UsageError(f"pytest could not collect the tests:\n{scrub(printed)[-2000:]}")
        seen = json.loads(answer.read_text(encoding="utf-8"))
    functions: dict[str, set[str]] = {}
    for test in seen["collected"]:
        functions.setdefault(test["function"], set()).update(test["requirements"])
    return Collected(
        functions={function: frozenset(ids) for function, ids in functions.items()},
        problems={bad["path"]: f"{bad['outcome']}: {_last_line(bad['text'])}" for bad in seen["not_collected"]},
        settings=seen["settings"],
    )


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
