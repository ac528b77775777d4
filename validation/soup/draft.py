"""Drafts a SOUP record from what an installed distribution says about itself; judgement stays open."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from validation.atomic import write_file
from validation.distributions import Installed, normalised, read
from validation.errors import RecordError, UsageError
from validation.schemas import schema_findings
from validation.soup.records import FOLDER
from validation.strict_yaml import dump_yaml, load_yaml

OPEN = "open"
CHECKLIST = (
    """The vendor maintains clear and comprehensive documentation of the SOUP describing its functional capabilities,
    user guidelines, and tutorials, which facilitates learning and rapid adoption.""",
    """The documentation for the SOUP is regularly updated and clearly outlines every feature utilized by the medical
    device, doing so for all integrated versions of the SOUP.""",
)
CAUSES = {
    58: "An anomaly of this version, or a change between versions, makes it incompatible with other software here.",
    59: "The project stops publishing fixes for the version in use.",
    60: "A vulnerability of this version can be reached through the way it is used here.",
}


def draft_record(root: Path, name: str, *, by: str, used_in: list[str], date: str) -> str:
    """Write soup_records/<name>.yaml, or add the installed version to it. Returns what was done.

    Raises    UsageError if no such distribution is installed; RecordError if it says too little about itself
    """
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise UsageError(f"{name} is not installed") from error
    entry = read(found)
    path = root / FOLDER / f"{entry.key}.yaml"
    if path.exists():
        return _add_version(path, entry)
    data = _draft(found, entry, by=by, used_in=used_in, date=date)
    if problems := schema_findings("S01", path.name, data, "soup_record"):
        raise RecordError("no record was written: " + "; ".join(map(str, problems[:5])))
    write_file(path, dump_yaml(data).encode())
    return f"drafted {path.relative_to(root)}: description, uses, risks and reviews are yours to complete"


def _add_version(path: Path, entry: Installed) -> str:
    data = load_yaml(path)
    version = next((v for v in data["versions"] if v["version"] == entry.version), None)
    if version is None:
        version = _version(entry)
        data["versions"].append(version)
    if entry.wheel_tag and all(known["wheel_tag"] != entry.wheel_tag for known in version.get("content", [])):
        version.setdefault("content", []).append(_content(entry))
    write_file(path, dump_yaml(data).encode())
    return f"{path.name}: knows {entry.version} ({entry.wheel_tag})"


def _draft(found: metadata.Distribution, entry: Installed, *, by: str, used_in: list[str], date: str) -> dict[str, Any]:
    links = _links(found)
    home = _pick(links, "repository", "source", "code", "github", "homepage", "home") or _index_page(entry)
    return {
        "schema": "medtorch.soup/1",
        "soup_id": entry.key,
        "name": entry.name,
        "kind": "distribution" if "runtime" in used_in else "tool",
        "distribution": entry.name,
        "used_in": used_in,
        "record": {"created": date, "editor": by, "supervisor": OPEN, "approval": {"status": OPEN, "date": None}},
        "description": entry.summary or entry.name,
        "general": {
            "developers": _developers(found, entry),
            "open_source": True,
            "languages": _languages(found),
            "repository": home,
            "license": {"spdx": entry.license or _license(found)},
            "operating_systems": _classified(found, "Operating System") or ["not stated by the distribution"],
            "maintenance": {"status": OPEN, "checked_on": None, "method": None},
        },
        "intended_use": ["To be written: what it is used for here, and for nothing else."],
        "not_used_for": [],
        "requirements": [],
        "system_requirements": {
            "software": [f"Python {found.metadata['Requires-Python'] or '(not stated)'}"],
            "hardware": ["None beyond those of Python: the distribution states none."],
        },
        "documentation": {
            "url": _pick(links, "documentation", "docs") or home,
            "checklist": [{"item": " ".join(item.split()), "answer": OPEN} for item in CHECKLIST],
        },
        "versions": [_version(entry)],
        "risks": [{"id": number, "cause": cause} for number, cause in CAUSES.items()],
        "anomaly_sources": _anomaly_sources(links, entry, home),
        "evaluations": [],
        "signatures": {"author": OPEN, "reviewer": OPEN, "approver": OPEN},
    }


def _version(entry: Installed) -> dict[str, Any]:
    made: dict[str, Any] = {"version": entry.version, "purl": f"pkg:pypi/{normalised(entry.name)}@{entry.version}"}
    if entry.wheel_tag:
        made["content"] = [_content(entry)]
    return made


def _content(entry: Installed) -> dict[str, Any]:
    made: dict[str, Any] = {"wheel_tag": entry.wheel_tag, "sha256": entry.content_sha256}
    return made | {"libraries": list(entry.libraries)} if entry.libraries else made


def _links(found: metadata.Distribution) -> dict[str, str]:
    """Labels and addresses, the address a distribution calls its home page included; only https."""
    pairs = [line.split(",", 1) for line in found.metadata.get_all("Project-URL") or []]
    links = {label.strip().lower(): address.strip() for label, address in pairs}
    links.setdefault("homepage", (found.metadata.get_all("Home-page") or [""])[0])
    secure = {label: address.replace("http://", "https://", 1) for label, address in links.items()}
    return {label: address for label, address in secure.items() if address.startswith("https://")}


def _pick(links: dict[str, str], *labels: str) -> str | None:
    return next((address for label in labels for name, address in links.items() if label in name), None)


def _index_page(entry: Installed) -> str:
    return f"https://pypi.org/project/{entry.key}/"


def _developers(found: metadata.Distribution, entry: Installed) -> str:
    for field in ("Author", "Author-email", "Maintainer", "Maintainer-email"):
        if values := found.metadata.get_all(field):
            return " ".join(str(values[0]).split())[:300]
    return f"The {entry.name} developers"


def _license(found: metadata.Distribution) -> str:
    named = _classified(found, "License")
    stated = (found.metadata.get_all("License") or [""])[0].strip().splitlines()
    return named[0] if named else (stated[0] if stated else "not stated by the distribution")


def _languages(found: metadata.Distribution) -> list[str]:
    stated = [value.split(" :: ")[0] for value in _classified(found, "Programming Language", whole=True)]
    return list(dict.fromkeys(stated)) or ["Python"]


def _classified(found: metadata.Distribution, group: str, *, whole: bool = False) -> list[str]:
    lines = [line for line in found.metadata.get_all("Classifier") or [] if line.startswith(f"{group} :: ")]
    values = [line.removeprefix(f"{group} :: ") for line in lines]
    return list(dict.fromkeys(value if whole else value.split(" :: ")[-1] for value in values))


def _anomaly_sources(links: dict[str, str], entry: Installed, home: str) -> list[dict[str, str]]:
    sources = [
        {
            "name": f"OSV: published vulnerabilities of {entry.name}",
            "url": f"https://osv.dev/list?ecosystem=PyPI&q={entry.key}",
            "kind": "advisory",
        }
    ]
    if tracker := _pick(links, "tracker", "issues", "bug"):
        sources.append({"name": f"{entry.name} issues", "url": tracker, "kind": "tracker"})
    elif home.startswith("https://github.com/"):
        tracker = home.removesuffix(".git").rstrip("/") + "/issues"
        sources.append({"name": f"{entry.name} issues", "url": tracker, "kind": "tracker"})
    if notes := _pick(links, "changelog", "changes", "release", "history"):
        sources.append({"name": f"{entry.name} release notes", "url": notes, "kind": "release_notes"})
    return sources
