"""The clause index of a report: where a reader of a standard finds what, and rule R23 for what is not there.

Evidence for a clause is not conformity with it; the index says where to look, and what stays with the manufacturer.

Source  clauses.yaml beside this file
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.findings import Finding
from validation.strict_yaml import load_yaml

CLAUSES = Path(__file__).resolve().parent / "clauses.yaml"

Core = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What a report may hold: its name, the section of the page, and whether it is there."""

    title: str
    section: str
    held: Callable[[Core], bool] = lambda core: True


EVIDENCE = {
    "advisories": Evidence("search of published advisories", "advisories", lambda core: core["advisories"] is not None),
    "capabilities": Evidence("what the machine can do", "environment"),
    "commit": Evidence("commit", "environment", lambda core: core["source"]["commit"] is not None),
    "comparison": Evidence("what a report holds, for the command diff", "check"),
    "environment": Evidence("environment", "environment"),
    "files": Evidence("digest of each file", "service", lambda core: bool(core["bundle"]["files"])),
    "image": Evidence("content of the image", "service", lambda core: core["content"] is not None),
    "limits": Evidence("what the report does not say", "limits"),
    "measurements": Evidence("measurements with their samples", "measurements"),
    "open": Evidence("what failed or was not verified", "open"),
    "plan": Evidence("plan, fixed before the first test", "check"),
    "recomputation": Evidence("how the result is worked out again", "check"),
    "requirements": Evidence("requirements with source and criterion", "matrix"),
    "results": Evidence("outcome of each test", "matrix"),
    "risks": Evidence("risks of each requirement", "matrix"),
    "signatures": Evidence("roles that must sign", "check", lambda core: bool(core["signoff_roles"])),
    "software": Evidence("software in use, with its records", "software", lambda core: bool(core["soup"])),
    "tests": Evidence("digest of each test", "check", lambda core: bool(core["test_files"])),
    "tools": Evidence("the tool and its digest", "check"),
}


def clause_index(core: Core, path: Path = CLAUSES) -> list[dict[str, Any]]:
    """For each clause what it asks, where this report answers, and what stays with the manufacturer.

    `core` may lack its evaluation.

    Requires  REQ-F-VAL-040
    """
    texts: Sequence[Mapping[str, Any]] = load_yaml(path)["texts"]
    return [
        {
            "text": f"{text['title']} ({text['edition']})",
            "clauses": [
                {**entry, "evidence": [_row(name, core) for name in entry["evidence"]]} for entry in text["clauses"]
            ],
        }
        for text in texts
    ]


def clause_findings(index: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """R23: evidence that clauses rest on and that this report does not hold."""
    absent: dict[str, list[str]] = {}
    for text in index:
        for entry in text["clauses"]:
            for found in entry["evidence"]:
                if not found["held"]:
                    absent.setdefault(found["title"], []).append(f"{text['text'].split(' (')[0]} {entry['clause']}")
    for title, clauses in sorted(absent.items()):
        yield Finding("R23", title, f"not in this report; looked for there by {'; '.join(clauses)}", "warning")


def _row(name: str, core: Core) -> dict[str, Any]:
    evidence = EVIDENCE[name]
    return {"title": evidence.title, "section": evidence.section, "held": evidence.held(core)}
