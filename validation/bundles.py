"""The files of a service's model bundle and their digests, checked without medtorch's own loader.

The digest of a bundle is that of its bundle.json, which names every other file with its digest.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from validation.canonical import file_sha256, sha256
from validation.errors import UsageError
from validation.findings import Finding

DESCRIPTION = "bundle.json"
FACTS = ("name", "version", "task", "labels", "licence", "intended_use", "origin", "architecture", "written_by")


def describe_bundle(path: Path, expected: str | None) -> dict[str, Any]:
    """Digest of the bundle, of each of its files, and what it says about itself.

    Raises    UsageError if there is no bundle at the path
    """
    if path.is_dir() and (path / DESCRIPTION).is_file():
        found = sorted(file for file in path.rglob("*") if file.is_file())
        files = [_file(file.relative_to(path).as_posix(), file.stat().st_size, file_sha256(file)) for file in found]
        description = (path / DESCRIPTION).read_bytes()
    elif path.is_file() and zipfile.is_zipfile(path):
        files, description = _zipped(path)
    else:
        raise UsageError(f"there is no bundle at {path} (give --bundle)")
    said = _parse(description)
    return {
        "sha256": sha256(description),
        "expected_sha256": expected,
        "files": files,
        "listed": {name: entry["sha256"] for name, entry in said.get("files", {}).items()},
        "facts": {key: _text(said[key]) for key in FACTS if key in said},
    }


def bundle_findings(service: str, bundle: Mapping[str, Any]) -> list[Finding]:
    """V05: the bundle is the expected one, whole and nothing but it. V06: nobody said which one was expected.

    Requires  REQ-F-VAL-013
    """
    found = []
    if bundle["expected_sha256"] is None:
        message = "no digest was expected of the bundle (--sha256): the report binds itself to whatever was there"
        found.append(Finding("V06", service, message, "warning"))
    elif bundle["expected_sha256"] != bundle["sha256"]:
        message = f"the bundle's digest is {bundle['sha256']}, expected was {bundle['expected_sha256']}"
        found.append(Finding("V05", service, message))
    present = {file["path"]: file["sha256"] for file in bundle["files"] if file["path"] != DESCRIPTION}
    for name in sorted(present.keys() | bundle["listed"].keys()):
        if name not in bundle["listed"]:
            found.append(Finding("V05", service, f"the bundle holds {name}, which its {DESCRIPTION} does not name"))
        elif present.get(name) != bundle["listed"][name]:
            problem = "differs from the digest in" if name in present else "is missing, but named in"
            found.append(Finding("V05", service, f"the bundle's {name} {problem} its {DESCRIPTION}"))
    return found


def _zipped(path: Path) -> tuple[list[dict[str, Any]], bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            content = {name: archive.read(name) for name in sorted(archive.namelist()) if not name.endswith("/")}
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UsageError(f"not a bundle: {path.name}: {error}") from error
    if DESCRIPTION not in content:
        raise UsageError(f"not a bundle: {path.name} holds no {DESCRIPTION}")
    return [_file(name, len(data), sha256(data)) for name, data in content.items()], content[DESCRIPTION]


def _file(name: str, size: int, digest: str) -> dict[str, Any]:
    return {"path": name, "bytes": size, "sha256": digest}


def _parse(description: bytes) -> dict[str, Any]:
    try:
        data = json.loads(description)
    except ValueError as error:
        raise UsageError(f"not a bundle: its {DESCRIPTION} is no JSON: {error}") from error
    files = data.get("files") if isinstance(data, dict) else None
    if not isinstance(files, dict) or not all(isinstance(f, dict) and "sha256" in f for f in files.values()):
        raise UsageError(f"not a bundle: its {DESCRIPTION} does not name its files and their digests")
    return dict(data)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 600 else text[:596] + " ..."
