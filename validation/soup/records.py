"""SOUP records read from soup_records/: which versions are known, and what people have looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.distributions import normalised
from validation.errors import RecordError
from validation.findings import Finding
from validation.schemas import schema_findings
from validation.strict_yaml import load_yaml

FOLDER = "soup_records"


@dataclass(frozen=True)
class SoupRecord:
    """One record; `data` is the whole file, which follows the schema."""

    soup_id: str
    kind: str
    distribution: str | None
    data: Mapping[str, Any]

    @property
    def versions(self) -> list[str]:
        return [entry["version"] for entry in self.data["versions"]]

    @property
    def retired(self) -> bool:
        return bool(self.data.get("retired", False))

    def content(self, version: str, wheel_tag: str) -> Mapping[str, Any] | None:
        """What is recorded of the files of a version as that wheel installs them, if there is anything."""
        for entry in self.data["versions"]:
            if entry["version"] == version:
                for content in entry.get("content", []):
                    if content["wheel_tag"] == wheel_tag:
                        return dict(content)
        return None

    def artifacts(self, version: str) -> tuple[str, ...]:
        """The digests of the wheels of a version that an image may install."""
        return tuple(
            wheel
            for entry in self.data["versions"]
            if entry["version"] == version
            for wheel in entry.get("artifacts", ())
        )

    def upstream_tests(self, version: str) -> Mapping[str, Any] | None:
        """What is recorded of the project's own tests of a version, or of the reason why they cannot run here."""
        entries = (entry for entry in self.data["versions"] if entry["version"] == version)
        return next((entry["upstream_tests"] for entry in entries if "upstream_tests" in entry), None)

    def evaluated(self, version: str) -> bool:
        """Whether a named person has evaluated the published anomalies of this version."""
        return any(version in evaluation["versions"] for evaluation in self.data["evaluations"])


def load_records(root: Path) -> tuple[list[SoupRecord], list[Finding]]:
    """All records that can be read, and what is wrong with the others."""
    records: list[SoupRecord] = []
    found: list[Finding] = []
    for path in sorted((root / FOLDER).glob("*.yaml")):
        try:
            data = load_yaml(path)
        except RecordError as error:
            found.append(Finding("S01", path.name, str(error)))
            continue
        if problems := schema_findings("S01", path.name, data, "soup_record"):
            found.extend(problems)
        elif data["soup_id"] != path.stem:
            found.append(Finding("S01", path.name, f"holds the record of {data['soup_id']!r}"))
        else:
            records.append(SoupRecord(data["soup_id"], data["kind"], data["distribution"], data))
    return records, found


def by_distribution(records: list[SoupRecord]) -> dict[str, SoupRecord]:
    return {normalised(record.distribution): record for record in records if record.distribution is not None}
