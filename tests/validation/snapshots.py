"""A small snapshot of advisories: published facts about versions of what this project uses or replaces, in own words.

Identifiers, packages and versions are those of the public advisories (OSV and the projects' own, as of November 2026).
It is a sample for tests and far from complete; a real search takes the zip that OSV gives out.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any


def advisory(
    identifier: str, name: str, introduced: str, fixed: str | None, summary: str, **more: Any
) -> dict[str, Any]:
    events = [{"introduced": introduced}, *([{"fixed": fixed}] if fixed else [])]
    affected = {
        "package": {"ecosystem": "PyPI", "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": more.pop("events", events)}],
        "versions": more.pop("versions", []),
    }
    return {
        "id": identifier,
        "summary": summary,
        "published": "2026-01-01T00:00:00Z",
        "modified": "2026-01-01T00:00:00Z",
        "aliases": [],
        "affected": [affected],
        **more,
    }


ADVISORIES = [
    advisory(
        "PYSEC-2022-43015",
        "torch",
        "0",
        "1.13.1",
        "Parsing of annotations in torch.jit evaluates text from outside.",
        aliases=["CVE-2022-45907"],
        versions=["1.7.0"],
    ),
    advisory(
        "GHSA-53q9-r3pm-6pq6",
        "torch",
        "0",
        "2.6.0",
        "torch.load runs code from the file even with weights_only=True.",
        aliases=["CVE-2025-32434"],
        severity=[{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}],
    ),
    advisory("PYSEC-2024-227", "pillow", "0", "10.2.0", "ImageMath.eval runs code.", aliases=["CVE-2023-50447"]),
    advisory("PYSEC-2021-142", "pyyaml", "0", "5.4", "full_load runs code.", aliases=["CVE-2020-14343"]),
    advisory("GHSA-cpwx-vrp4-4pq7", "jinja2", "0", "3.1.6", "The sandbox can be left.", aliases=["CVE-2025-27516"]),
    advisory("GHSA-9298-4cf8-g4wj", "waitress", "2.0.0", "3.0.1", "Pipelined requests.", aliases=["CVE-2024-49768"]),
]


def write_snapshot(path: Path, advisories: list[dict[str, Any]] = ADVISORIES) -> Path:
    """The zip as OSV gives it out: one JSON file an advisory."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in advisories:
            archive.writestr(f"{one['id']}.json", json.dumps(one))
    return path
