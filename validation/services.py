"""Service definitions: which model, on which devices, must meet which requirements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from validation.errors import RecordError, UsageError
from validation.findings import Finding
from validation.schemas import schema_findings
from validation.strict_yaml import load_yaml
from validation.trace import Requirement, Trace

DEFAULT_SIGNOFF = ("executor", "reviewer", "approver")
OPEN = "open"
FOLDER = "validation/services"


@dataclass(frozen=True)
class Exclusion:
    """A requirement that does not apply to a service, why, and who approved that (`open`: nobody yet)."""

    id: str
    reason: str
    approved_by: str

    @property
    def approved(self) -> bool:
        return self.approved_by != OPEN


@dataclass(frozen=True)
class Service:
    """One service file."""

    name: str
    title: str
    kind: str
    template: bool
    intended_use: str
    limitations: tuple[str, ...]
    safety_class: str
    soup: Mapping[str, Any]
    bundle: Mapping[str, Any] | None
    devices: tuple[str, ...]
    include: tuple[str, ...]
    not_applicable: tuple[Exclusion, ...]
    acceptance: tuple[Mapping[str, Any], ...]
    signoff_roles: tuple[str, ...] = DEFAULT_SIGNOFF
    change_envelope: tuple[str, ...] | None = None

    def covers(self, identifier: str) -> bool:
        """Whether a requirement belongs to the service, applicable or not."""
        return any(fnmatchcase(identifier, pattern) for pattern in self.include)

    def exclusions(self) -> dict[str, Exclusion]:
        return {exclusion.id: exclusion for exclusion in self.not_applicable}


def service_files(root: Path) -> list[Path]:
    return sorted((root / FOLDER).glob("*.yaml"))


def load_service(root: Path, name: str) -> Service:
    """The service of this name. Raises UsageError if there is none, RecordError if its file is not what it must be."""
    paths = {path.stem: path for path in service_files(root)}
    if name not in paths:
        raise UsageError(f"there is no service {name!r}; there are: {', '.join(paths) or 'none'}")
    return read_service(paths[name])


def read_service(path: Path) -> Service:
    """The service of a file. Raises RecordError."""
    data = load_yaml(path)
    found = schema_findings("V01", path.name, data, "service")
    if found:
        raise RecordError("; ".join(str(finding) for finding in found[:5]))
    if data["service"] != path.stem:
        raise RecordError(f"{path.name}: holds the service {data['service']!r}; file and service must have one name")
    return _service(data)


def service_findings(root: Path, trace: Trace) -> list[Finding]:
    """Rules V01 to V04: every service file can be read and fits the trace.

    Requires  REQ-F-VAL-011
    """
    found: list[Finding] = []
    for path in service_files(root):
        try:
            found.extend(_findings(read_service(path), trace))
        except RecordError as error:
            found.append(Finding("V01", path.name, str(error)))
    return found


def scope(service: Service, trace: Trace) -> list[Requirement]:
    """The live requirements that the service takes in, applicable or not."""
    return [requirement for requirement in trace.live() if service.covers(requirement.id)]


def _findings(service: Service, trace: Trace) -> list[Finding]:
    found = []
    covered = {requirement.id: requirement for requirement in scope(service, trace)}
    for pattern in service.include:
        if not any(fnmatchcase(identifier, pattern) for identifier in covered):
            found.append(Finding("V02", service.name, f"no requirement matches {pattern!r}"))
    if "cuda" in service.devices and not any("gpu" in entry.capabilities for entry in covered.values()):
        found.append(Finding("V03", service.name, "claims cuda and yet takes in no requirement that needs a GPU"))
    for exclusion in service.not_applicable:
        requirement = covered.get(exclusion.id)
        if requirement is None:
            found.append(Finding("V03", service.name, f"excludes {exclusion.id}, which it does not include"))
        elif "cuda" in service.devices and "gpu" in requirement.capabilities:
            found.append(Finding("V03", service.name, f"claims cuda and yet excludes {exclusion.id}"))
        if not exclusion.approved:
            message = f"that {exclusion.id} does not apply has not been approved by anybody yet"
            found.append(Finding("V04", service.name, message, "warning"))
    return found


def _service(data: Mapping[str, Any]) -> Service:
    envelope = data.get("change_envelope")
    return Service(
        name=data["service"],
        title=data["title"],
        kind=data["kind"],
        template=data["template"],
        intended_use=data["intended_use"],
        limitations=tuple(data["limitations"]),
        safety_class=data["safety_class"],
        soup=data["soup"],
        bundle=data["bundle"],
        devices=tuple(data["claims"]["devices"]),
        include=tuple(data["requirements"]["include"]),
        not_applicable=tuple(Exclusion(**entry) for entry in data["requirements"]["not_applicable"]),
        acceptance=tuple(data["model_acceptance"]),
        change_envelope=None if envelope is None else tuple(envelope["allowed"]),
        signoff_roles=tuple(data["signoff"]["roles"]) if "signoff" in data else DEFAULT_SIGNOFF,
    )
