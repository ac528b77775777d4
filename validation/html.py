"""The report as one HTML file: no script, nothing fetched, everything escaped; readable on a screen and on paper."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from validation.plots import plot
from validation.states import State

TEMPLATES = Path(__file__).resolve().parent / "templates"
BAR_WIDTH = 1000
SENTENCES = {
    "PASS": "Every requirement in scope was verified, in this environment, for the files it names.",
    "FAIL": "At least one requirement failed, or a rule that protects the evidence was broken.",
    "INCOMPLETE": "Nothing failed, but not everything in scope was verified. Not verified is not passed.",
}
WORDS = {
    "PASSED": "passed",
    "NOT_APPLICABLE": "not applicable",
    "NOT_VERIFIED": "not verified",
    "INCONCLUSIVE": "inconclusive",
    "NO_EVIDENCE": "no evidence",
    "NOT_RUN": "not run",
    "ERROR": "error",
    "FAILED": "failed",
}


def render_html(report: Mapping[str, Any]) -> str:
    """The page of a report; a pure function of the report's data.

    Requires  REQ-S-VAL-002
    """
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["words"] = lambda state: WORDS[state]
    environment.filters["short"] = lambda text, size=12: text if len(text) <= size else text[:size] + "…"
    environment.filters["mib"] = lambda count: f"{count / 2**20:,.1f} MiB"
    environment.filters["acceptance"] = acceptance
    environment.filters["figure"] = lambda value: f"{value:.4g}" if isinstance(value, float) else str(value)
    evaluation = report["core"]["evaluation"]
    return environment.get_template("report.html").render(
        report=report,
        core=report["core"],
        evaluation=evaluation,
        css=Markup(css),  # noqa: S704  our own file
        css_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        sentence=SENTENCES[evaluation["verdict"]],
        bar=_bar(evaluation["counts"]),
        states=[str(state) for state in State if evaluation["counts"][str(state)]],
        tests={test["function"]: test for test in evaluation["tests"]},
        open_requirements=_worst_first(evaluation["requirements"]),
        failures=[
            test for test in evaluation["tests"] if test["state"] in ("FAILED", "ERROR", "NO_EVIDENCE", "NOT_RUN")
        ],
        errors=[entry for entry in evaluation["findings"] if entry["severity"] == "error"],
        warnings=[entry for entry in evaluation["findings"] if entry["severity"] == "warning"],
        measurements=[{**item, "plot": plot(item)} for item in report["volatile"]["measurements"]],
    )


def acceptance(criterion: Mapping[str, Any]) -> str:
    """An acceptance criterion as a line of text."""
    if "predicate" in criterion:
        return str(criterion["predicate"])
    unit = "" if criterion["unit"] in ("1", "-") else f" {criterion['unit']}"
    return f"{criterion['metric']} {criterion['operator']} {criterion['threshold']}{unit}"


def _worst_first(requirements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    order = [str(state) for state in State]
    shown = [entry for entry in requirements if entry["state"] not in ("PASSED", "NOT_APPLICABLE")]
    return sorted(shown, key=lambda entry: (-order.index(entry["state"]), entry["id"]))


def _bar(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """The pieces of the bar over the matrix: one for each state that occurs, as wide as its share."""
    total = sum(counts.values()) or 1
    pieces, left = [], 0
    for state in map(str, State):
        if count := counts[state]:
            right = left + round(BAR_WIDTH * count / total)
            pieces.append({"state": state, "count": count, "x": left, "width": right - left})
            left = right
    return pieces
