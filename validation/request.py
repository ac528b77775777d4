"""What a run is asked to show, fixed before pytest starts: requirements, thresholds, tests, bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from validation.canonical import file_sha256, tree_sha256
from validation.services import Exclusion, Service, scope
from validation.trace import Requirement, Trace
from validation.version import VERSION

TOOL = Path(__file__).resolve().parent


def make_request(
    service: Service, trace: Trace, bundle: Mapping[str, Any], content: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The request of a service's validation run; `content` is what `seal` wrote of the image it runs in, if it does."""
    exclusions = service.exclusions()
    covered = scope(service, trace)
    inside = {requirement.id for requirement in covered}
    required = {node for requirement in covered if requirement.id not in exclusions for node in requirement.tests}
    return {
        "schema": "medtorch.request/1",
        "tool": tool(),
        "service": service.name,
        "bundle_sha256": bundle["sha256"],
        "content_sha256": None if content is None else content["sha256"],
        "acceptance": [dict(entry) for entry in service.acceptance],
        "signoff_roles": list(service.signoff_roles),
        "change_envelope": None if service.change_envelope is None else list(service.change_envelope),
        "test_files": _test_files(trace, required),
        "requirements": [_entry(requirement, exclusions.get(requirement.id)) for requirement in covered],
        "outside": [{"id": r.id, "title": r.title} for r in trace.live() if r.id not in inside],
        "required": sorted(required),
    }


def _test_files(trace: Trace, required: set[str]) -> dict[str, str]:
    """The digests of the files that hold the required tests, as the trace was linked to them."""
    paths = sorted({node.split("::", 1)[0] for node in required})
    return {path: trace.test_files[path] for path in paths if path in trace.test_files}


def tool() -> dict[str, str]:
    """Version and digest of this tool: code, schemas and templates."""
    parts = ((path.relative_to(TOOL).as_posix(), file_sha256(path)) for path in tool_files())
    return {"name": "medtorch validation", "version": VERSION, "sha256": tree_sha256(parts)}


def tool_files() -> list[Path]:
    """The files that this tool consists of; services and sources are data that it is given, and no part of it."""
    own = [path for path in TOOL.rglob("*") if path.suffix in (".py", ".json", ".html", ".css") and path.is_file()]
    return [*own, *TOOL.glob("*.yaml")]


def _entry(requirement: Requirement, exclusion: Exclusion | None) -> dict[str, Any]:
    return {
        "id": requirement.id,
        "title": requirement.title,
        "type": requirement.type,
        "text": requirement.text,
        "section": requirement.section,
        "quote": requirement.quote,
        "risks": list(requirement.risks),
        "intended_use": list(requirement.intended_use),
        "safety_relevant": requirement.safety_relevant,
        "capabilities": list(requirement.capabilities),
        "acceptance": dict(requirement.acceptance),
        "status": requirement.status,
        "fingerprint": requirement.fingerprint,
        "history": [dict(change) for change in requirement.history],
        "unverified": requirement.unverified,
        "exclusion": None if exclusion is None else _exclusion(exclusion),
        "tests": [] if exclusion is not None else list(requirement.tests),
    }


def _exclusion(exclusion: Exclusion) -> dict[str, Any]:
    return {"reason": exclusion.reason, "approved_by": exclusion.approved_by, "approved": exclusion.approved}
