"""The raw facts of one test run, gathered report by report; no judgement is made here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from validation.scrub import scrub

FAILURE_LIMIT = 20_000


@dataclass
class Facts:
    """What happened to one test, phase by phase; becomes one line of outcomes.jsonl."""

    node: str
    requirements: tuple[str, ...]
    needs: list[dict[str, Any]] = field(default_factory=list)
    phases: list[dict[str, Any]] = field(default_factory=list)
    xfail: str | None = None
    skip: dict[str, Any] | None = None
    assertions: int = 0
    evidence: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""
    _attempt: int = 0

    def add(self, report: pytest.TestReport) -> None:
        """Take in what pytest reports about one phase."""
        if report.when == "setup":
            self._attempt += 1
        duration = round(report.duration, 6)
        phase = {
            "attempt": max(self._attempt, 1),
            "when": report.when,
            "outcome": report.outcome,
            "duration_s": duration,
        }
        self.phases.append(phase)
        if hasattr(report, "wasxfail"):
            self.xfail = f"{'not met' if report.skipped else 'met'}: {report.wasxfail}"
        elif report.skipped and self.skip is None:
            self.skip = {"capability": None, "reason": _skip_reason(report)}
        if report.failed:
            self.failure = (self.failure + scrub(report.longreprtext) + "\n")[:FAILURE_LIMIT]

    def as_data(self) -> dict[str, Any]:
        return {
            "event": "outcome",
            "node": self.node,
            "function": function_of(self.node),
            "requirements": list(self.requirements),
            "needs": self.needs,
            "phases": self.phases,
            "xfail": self.xfail,
            "skip": self.skip,
            "assertions": self.assertions,
            "evidence": self.evidence,
            "failure": self.failure,
        }


def function_of(node: str) -> str:
    """The test function of a node id: the id without its parameters."""
    return node.split("[", 1)[0]


def _skip_reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return scrub(report.longrepr[2])
    return scrub(report.longreprtext)
