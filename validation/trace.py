"""The requirements trace: what is required, why, how much is enough, and which tests show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.canonical import digest
from validation.errors import RecordError
from validation.strict_yaml import load_yaml

TRACE_FILE = "requirements_trace.yaml"
FINGERPRINTED = ("text", "acceptance", "requires")


@dataclass(frozen=True)
class Requirement:
    """One requirement. Its fingerprint covers the text, the acceptance criterion and the capabilities it needs."""

    id: str
    title: str
    type: str
    text: str
    rationale: str
    section: str
    quote: str
    intended_use: tuple[str, ...]
    safety_relevant: bool
    risks: tuple[int, ...]
    capabilities: tuple[str, ...]
    acceptance: Mapping[str, Any]
    status: str
    tests: tuple[str, ...]
    unverified: str | None
    fingerprint: str
    history: tuple[Mapping[str, Any], ...]

    @property
    def withdrawn(self) -> bool:
        return self.status == "withdrawn"


@dataclass(frozen=True)
class Trace:
    """All requirements with the document they come from and the digests of the test sources they were linked to."""

    requirements: tuple[Requirement, ...]
    source_file: str
    source_sha256: str
    intended_uses: Mapping[str, str]
    risks: Mapping[int, str]
    test_files: Mapping[str, str]

    def by_id(self) -> dict[str, Requirement]:
        return {requirement.id: requirement for requirement in self.requirements}

    def live(self) -> list[Requirement]:
        """The requirements that have not been withdrawn."""
        return [requirement for requirement in self.requirements if not requirement.withdrawn]


def fingerprint(entry: Mapping[str, Any]) -> str:
    """Fingerprint of what was reviewed: any change of text, acceptance or needs gives another one.

    Requires  REQ-F-VAL-004
    """
    return "sha256:" + digest({key: entry.get(key) for key in FINGERPRINTED})


def load_trace_data(root: Path) -> dict[str, Any]:
    """The trace as it stands in the file. Raises RecordError."""
    data = load_yaml(root / TRACE_FILE)
    if not isinstance(data, dict):
        raise RecordError(f"{TRACE_FILE}: must be a mapping")
    return data


def trace_from_data(data: Mapping[str, Any]) -> Trace:
    """The trace from data that follow the schema."""
    return Trace(
        requirements=tuple(_requirement(entry) for entry in data["requirements"]),
        source_file=data["source_document"]["file"],
        source_sha256=data["source_document"]["sha256"],
        intended_uses={use["id"]: use["quote"] for use in data["intended_uses"]},
        risks={risk["id"]: risk["quote"] for risk in data["risks"]},
        test_files=dict(data["test_files"]),
    )


def _requirement(entry: Mapping[str, Any]) -> Requirement:
    return Requirement(
        id=entry["id"],
        title=entry["title"],
        type=entry["type"],
        text=entry["text"],
        rationale=entry["rationale"],
        section=entry["source"]["section"],
        quote=entry["source"]["quote"],
        intended_use=tuple(entry["intended_use"]),
        safety_relevant=entry["safety_relevant"],
        risks=tuple(entry["risks"]),
        capabilities=tuple(entry["requires"]["capabilities"]),
        acceptance=entry["acceptance"],
        status=entry["status"],
        tests=tuple(test["node"] for test in entry["tests"]),
        unverified=entry["unverified"]["reason"] if "unverified" in entry else None,
        fingerprint=entry["fingerprint"],
        history=tuple(entry["history"]),
    )
