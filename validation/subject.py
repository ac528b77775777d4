"""What a report is about: the model bundle of a service, or the validation system itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from validation.bundles import describe_bundle
from validation.canonical import file_sha256
from validation.distributions import Installed
from validation.errors import UsageError
from validation.findings import Finding
from validation.request import TOOL, tool, tool_files
from validation.services import Service
from validation.soup.rules import OWN, own_version

TOOL_KIND = "tool"


def describe_subject(
    root: Path, service: Service, given: Path | None, expected: str | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The subject's digest, files and facts, and what the tests are told of it.

    `given` and `expected` are a bundle and a digest named by the caller; else those of the service file count.
    Raises    UsageError if the service is a template, has no bundle, or is no service and is given one
    Requires  REQ-F-VAL-025
    """
    if service.kind == TOOL_KIND:
        if given is not None:
            raise UsageError(f"{service.name} is the validation system itself and has no bundle")
        return describe_tool(expected), {"MEDTORCH_SERVICE": service.name}
    if service.template or service.bundle is None:
        raise UsageError(
            f"{service.name} is a template: its owner must first write the service's bundle and claims into "
            f"validation/services/{service.name}.yaml and set `template: false`; nothing was run"
        )
    path = (given if given is not None else root / service.bundle["path"]).resolve()
    bundle = describe_bundle(path, expected or service.bundle["sha256"])
    return bundle, _told(service, bundle, path)


def line_findings(root: Path, service: Service, distributions: Sequence[Installed]) -> list[Finding]:
    """V07: the medtorch that is validated is of the version line that the service names.

    Requires  REQ-F-VAL-011
    """
    found = next((entry.version for entry in distributions if entry.key == OWN), None) or own_version(root)
    wanted = service.soup["medtorch"]
    if wanted is None or found is None or wanted == found:
        return []
    return [Finding("V07", service.name, f"is made for medtorch {wanted}, this is {found}")]


def describe_tool(expected: str | None) -> dict[str, Any]:
    """The files of the validation system, in the form in which a bundle is described; its digest is the tool's."""
    made = tool()
    files = {path.relative_to(TOOL).as_posix(): path for path in tool_files()}
    listed = {name: file_sha256(path) for name, path in files.items()}
    return {
        "sha256": made["sha256"],
        "expected_sha256": expected,
        "files": [
            {"path": name, "bytes": files[name].stat().st_size, "sha256": listed[name]} for name in sorted(files)
        ],
        "listed": listed,
        "facts": {"name": made["name"], "version": made["version"]},
    }


def _told(service: Service, bundle: Mapping[str, Any], path: Path) -> dict[str, str]:
    """What the tests in tests/services are told of the service."""
    return {
        "MEDTORCH_SERVICE": service.name,
        "MEDTORCH_SERVICE_BUNDLE": str(path),
        "MEDTORCH_SERVICE_BUNDLE_SHA256": bundle["expected_sha256"] or bundle["sha256"],
        "MEDTORCH_SERVICE_ACCEPTANCE": json.dumps([dict(entry) for entry in service.acceptance]),
    }
