"""Writes the plan before the first test and the facts of each test as soon as it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pytest

from validation.atomic import write_file
from validation.canonical import canonical_json, readable_json, sha256
from validation.scrub import scrub

PLAN_FILE = "plan.json"
OUTCOMES_FILE = "outcomes.jsonl"


class Recorder:
    """Keeps plan.json and outcomes.jsonl; does nothing to the disk in an ordinary run.

    Requires  REQ-F-VAL-005
    """

    SETTINGS: ClassVar[tuple[str, ...]] = ("xfail_strict", "empty_parameter_set_mark", "enable_assertion_pass_hook")

    def __init__(
        self,
        request: Mapping[str, Any] | None,
        out: Path | None,
        collect: Path | None,
        trace_sha256: Callable[[], str],
        trace_acceptance: Callable[[], Mapping[str, Mapping[str, Any]]],
    ) -> None:
        self._request = request
        self._out = out
        self._collect = collect
        self._trace_sha256 = trace_sha256
        self._trace_acceptance = trace_acceptance
        self._bad: list[dict[str, str]] = []
        self._written: set[str] = set()
        self.required = None if request is None else frozenset(request["required"])

    @cached_property
    def _acceptances(self) -> Mapping[str, Mapping[str, Any]]:
        if self._request is None:
            return self._trace_acceptance()
        return {entry["id"]: entry["acceptance"] for entry in self._request["requirements"]}

    def acceptance(self, requirement: str) -> Mapping[str, Any]:
        """The acceptance criterion of a requirement, from the plan or, in an ordinary run, from the trace."""
        return self._acceptances[requirement]

    def collected_badly(self, report: pytest.CollectReport) -> None:
        """Remember a file that could not be collected, or that left itself out."""
        if report.failed or report.skipped:
            text = report.longreprtext if report.failed else str(report.longrepr)
            self._bad.append({"path": report.nodeid, "outcome": report.outcome, "text": scrub(text)[:20_000]})

    def start(self, collected: list[dict[str, Any]], settings: Mapping[str, Any]) -> None:
        """Fix the plan: from here on nothing of it may change."""
        if self._collect is not None:
            seen = {"collected": collected, "not_collected": self._bad, "settings": dict(settings)}
            write_file(self._collect, readable_json(seen))
        if self._out is None:
            return
        plan = {
            "schema": "medtorch.plan/1",
            "request": self._request,
            "trace_sha256": self._trace_sha256(),
            "collected": collected,
            "not_collected": self._bad,
            "settings": dict(settings),
        }
        write_file(self._out / PLAN_FILE, readable_json(plan))
        self._append({"event": "start", "plan_sha256": self._plan_sha256()})

    def outcome(self, facts: Mapping[str, Any]) -> None:
        """Append the facts of one test."""
        self._append(facts)

    def end(self, exit_status: int) -> None:
        """Close the record with the digests the plan has now; `run` compares them with those from the start."""
        if self._out is not None and (self._out / PLAN_FILE).is_file():
            digests = {"plan_sha256": self._plan_sha256(), "trace_sha256": self._trace_sha256()}
            self._append({"event": "end", "exit_status": exit_status, **digests})

    def _plan_sha256(self) -> str:
        if self._out is None:
            raise RuntimeError("no plan is kept in an ordinary run")
        return sha256((self._out / PLAN_FILE).read_bytes())

    def _append(self, event: Mapping[str, Any]) -> None:
        if self._out is None:
            return
        with (self._out / OUTCOMES_FILE).open("ab") as stream:
            stream.write(canonical_json(event))
