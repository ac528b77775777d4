"""Images as files: an OCI image layout, read without running or unpacking anything.

Source  OCI image format specification 1.1: image-layout.md, manifest.md, layer.md
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.atomic import write_file
from validation.canonical import CHUNK_BYTES, canonical_json, file_sha256, sha256
from validation.errors import IntegrityError, UsageError
from validation.image.content import Entry, file_entry, is_outside, link_entry

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT = "application/vnd.medtorch.validation-binding.v1+json"
STATEMENT_TYPE = "application/vnd.dsse.envelope.v1+json"
EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
MANIFEST_LIMIT = 4 << 20


@dataclass(frozen=True)
class Layout:
    """A folder with an OCI layout that holds one image, and what was attached to it."""

    folder: Path

    def image(self) -> dict[str, Any]:
        """The descriptor of the image's manifest. Raises UsageError if there is not exactly one image."""
        found = [entry for entry in self._index()["manifests"] if "artifactType" not in entry]
        if len(found) != 1 or found[0].get("mediaType") != MANIFEST:
            raise UsageError(f"{self.folder} must hold exactly one image (podman save --format oci-dir)")
        descriptor: dict[str, Any] = found[0]
        return descriptor

    def attached(self) -> list[bytes]:
        """The binding statements whose subject is the image."""
        subject = self.image()["digest"]
        found = []
        for entry in self._index()["manifests"]:
            if entry.get("artifactType") == ARTIFACT:
                manifest = self.json_blob(entry["digest"])
                if manifest["subject"]["digest"] == subject:
                    found.append(self.blob(manifest["layers"][0]["digest"]).read_bytes())
        return found

    def attach(self, statement: bytes) -> None:
        """Add a statement to the image as an OCI referrer."""
        subject = {key: self.image()[key] for key in ("mediaType", "digest", "size")}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT,
            "config": self._store(EMPTY, EMPTY_TYPE),
            "layers": [self._store(statement, STATEMENT_TYPE)],
            "subject": subject,
        }
        descriptor = self._store(canonical_json(manifest), MANIFEST)
        index = self._index()
        index["manifests"].append({**descriptor, "artifactType": ARTIFACT})
        write_file(self.folder / "index.json", canonical_json(index))

    def entries(self) -> list[Entry]:
        """Every file and link of the image that counts for its content digest, from its layers, the lowest first.

        Raises    IntegrityError if a blob is not the one its digest names
        Requires  REQ-S-VAL-006
        """
        tree = _Tree()
        for layer in self.json_blob(self.image()["digest"])["layers"]:
            with tarfile.open(self.blob(layer["digest"]), "r:*") as archive:
                tree.add(archive)
        return tree.entries()

    def blob(self, digest: str) -> Path:
        """The file of a blob, its content checked. Raises IntegrityError."""
        kind, _, name = digest.partition(":")
        path = self.folder / "blobs" / "sha256" / name
        if kind != "sha256" or not name.isalnum() or not path.is_file() or file_sha256(path) != name:
            raise IntegrityError("I20", f"the layout has no whole blob {digest}")
        return path

    def json_blob(self, digest: str) -> dict[str, Any]:
        """A manifest."""
        return _json(self.blob(digest))

    def _index(self) -> dict[str, Any]:
        path = self.folder / "index.json"
        if not path.is_file():
            raise UsageError(f"{self.folder} is no OCI image layout: it has no index.json")
        return _json(path)

    def _store(self, data: bytes, kind: str) -> dict[str, Any]:
        name = sha256(data)
        write_file(self.folder / "blobs" / "sha256" / name, data)
        return {"mediaType": kind, "digest": f"sha256:{name}", "size": len(data)}


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MANIFEST_LIMIT:
        raise IntegrityError("I20", f"{path.name} is larger than {MANIFEST_LIMIT} bytes")
    data = json.loads(path.read_bytes())
    if not isinstance(data, dict):
        raise IntegrityError("I20", f"{path.name} is no JSON object")
    return data


class _Tree:
    """The files of an image while its layers are laid one upon the other."""

    def __init__(self) -> None:
        self._found: dict[str, Entry | None] = {}  # None: a file that only root can read
        self._closed: set[str] = set()  # folders that only root can enter

    def add(self, archive: tarfile.TarFile) -> None:
        below = list(self._found)
        for member in archive:
            path = member.name.removeprefix("./").strip("/")
            folder, _, name = path.rpartition("/")
            if name == OPAQUE:
                self._remove(below, folder, itself=False)
            elif name.startswith(WHITEOUT):
                self._remove(below, f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/"), itself=True)
            elif path:
                self._put(archive, member, path)

    def entries(self) -> list[Entry]:
        return [
            entry
            for path, entry in self._found.items()
            if entry is not None and not is_outside(path) and not is_outside(path, self._closed)
        ]

    def _remove(self, below: list[str], path: str, *, itself: bool) -> None:
        for known in below:
            if known.startswith(path + "/") or (itself and known == path):
                self._found.pop(known, None)

    def _put(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
        if member.isdir():
            (self._closed.discard if member.mode & 0o005 == 0o005 else self._closed.add)(path)
            return
        self._remove(list(self._found) if path in self._closed else [], path, itself=False)
        self._closed.discard(path)
        if member.issym():
            self._found[path] = link_entry(path, member.linkname)
        elif member.islnk():
            self._hard_link(member, path)
        elif member.isreg():
            readable = member.mode & 0o004
            digest = _digest(archive, member) if readable else ""
            self._found[path] = file_entry(path, member.mode, member.size, digest) if readable else None

    def _hard_link(self, member: tarfile.TarInfo, path: str) -> None:
        target = self._found.get(member.linkname.removeprefix("./").strip("/"))
        self._found[path] = None if target is None else Entry(path, target.text)


def _digest(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    state = hashlib.sha256()
    stream = archive.extractfile(member)
    if stream is None:
        raise IntegrityError("I20", f"{member.name} cannot be read from its layer")
    while chunk := stream.read(CHUNK_BYTES):
        state.update(chunk)
    return state.hexdigest()


def binding_statement(
    image: Mapping[str, Any], facts: Mapping[str, Any], subjects: Mapping[str, str]
) -> dict[str, Any]:
    """What ties an image to a report: both digests, and those of the report and the bundle, in one signed text."""
    digests = {"image": str(image["digest"]).removeprefix("sha256:"), **subjects}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in digests.items()],
        "predicateType": "urn:medtorch:validation-binding:1",
        "predicate": dict(facts),
    }
