"""Raw facts of a test, as the plugin writes them into outcomes.jsonl."""

from __future__ import annotations

from typing import Any


def phases(*outcomes: str, attempt: int = 1) -> list[dict[str, Any]]:
    """Setup, call and teardown with these outcomes."""
    names = ("setup", "call", "teardown")
    return [
        {"attempt": attempt, "when": when, "outcome": outcome, "duration_s": 0.1}
        for when, outcome in zip(names, outcomes, strict=False)
    ]


def outcome(**changes: Any) -> dict[str, Any]:
    """The facts of a test that passed, with changes."""
    made = {
        "event": "outcome",
        "node": "tests/test_a.py::test_a",
        "function": "tests/test_a.py::test_a",
        "requirements": ["REQ-F-SER-001"],
        "needs": [],
        "phases": phases("passed", "passed", "passed"),
        "xfail": None,
        "skip": None,
        "assertions": 1,
        "evidence": [],
        "failure": "",
    }
    return {**made, **changes}
