"""The files of a service's model bundle and their digests, taken without medtorch's own loader."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from validation.canonical import file_sha256, sha256
from validation.errors import UsageError

DESCRIPTION = "bundle.json"
FACTS = ("name", "version", "task", "labels", "licence", "license", "intended_use", "origin", "architecture")


def describe_bundle(path: Path, expected: str | None) -> dict[str, Any]:
    """Digest of the bundle, of each of its files, and what it says about itself.

    The digest of a bundle is that of its bundle.json, which holds the digests of all other files.
    Raises    UsageError if there is no bundle at the path
    """
    if path.is_dir() and (path / DESCRIPTION).is_file():
        found = sorted(file for file in path.rglob("*") if file.is_file())
        files = [_file(file.relative_to(path).as_posix(), file.stat().st_size, file_sha256(file)) for file in found]
        description = (path / DESCRIPTION).read_bytes()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if DESCRIPTION not in archive.namelist():
                raise UsageError(f"not a bundle: {path.name} holds no {DESCRIPTION}")
            description = archive.read(DESCRIPTION)
        files = [_file(path.name, path.stat().st_size, file_sha256(path))]
    else:
        raise UsageError(f"there is no bundle at {path} (give --bundle)")
    return {"sha256": sha256(description), "expected_sha256": expected, "files": files, "facts": _facts(description)}


def _file(name: str, size: int, digest: str) -> dict[str, Any]:
    return {"path": name, "bytes": size, "sha256": digest}


def _facts(description: bytes) -> dict[str, str]:
    try:
        data = json.loads(description)
    except ValueError as error:
        raise UsageError(f"not a bundle: its {DESCRIPTION} is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise UsageError(f"not a bundle: its {DESCRIPTION} is no JSON object")
    return {key: _text(data[key]) for key in FACTS if key in data}


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 600 else text[:596] + " ..."
