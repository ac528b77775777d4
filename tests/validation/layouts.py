"""Small OCI image layouts, made of folders: each folder is a layer."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from validation.canonical import canonical_json, sha256
from validation.image.layout import MANIFEST


def tree(folder: Path, files: dict[str, str]) -> Path:
    """A folder with these files, with the modes of an image whoever makes it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    return folder


def layer(folder: Path, *, removed: tuple[str, ...] = (), emptied: tuple[str, ...] = ()) -> bytes:
    """A layer with the files of a folder, without those `removed`, over folders that are `emptied` first."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, arcname=path.relative_to(folder).as_posix(), recursive=False)
        markers = [f"{emptied_one}/.wh..wh..opq" for emptied_one in emptied]
        for path in removed:
            above, _, name = path.rpartition("/")
            markers.append(f"{above}/.wh.{name}".lstrip("/"))
        for name in markers:
            archive.addfile(tarfile.TarInfo(name))
    return stream.getvalue()


def make_layout(target: Path, layers: list[bytes]) -> Path:
    """A folder as `podman save --format oci-dir` leaves it."""
    blobs = target / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def store(data: bytes, kind: str) -> dict[str, Any]:
        (blobs / sha256(data)).write_bytes(data)
        return {"mediaType": kind, "digest": "sha256:" + sha256(data), "size": len(data)}

    kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": store(b"{}", "application/vnd.oci.image.config.v1+json"),
        "layers": [store(gzip.compress(data, mtime=0), kind) for data in layers],
    }
    image = store(canonical_json(manifest), MANIFEST)
    (target / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [image]}))
    (target / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return target
