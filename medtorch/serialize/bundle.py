"""Bundles: a model's weights with all that is said of it, read only when every byte is the expected byte.

The digest of a bundle is the SHA-256 of its bundle.json, which holds the digests of every other file and every tensor:
one number, the same for the folder and for the zip. Reading goes strictly in this order: bundle.json against the
caller's digest, its schema, the list of files, each file's digest, each tensor's name, shape, dtype and digest. The
bytes that were checked are the bytes that are parsed. Names against the architecture and the golden self-test follow
in `selftest`, once the caller has built the model.

Requires  REQ-F-BUN-001, REQ-F-BUN-002, REQ-F-BUN-003, REQ-F-BUN-005
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medtorch._version import __version__
from medtorch.core import dtypes
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DigestError, FormatError, SaveError, SchemaError
from medtorch.serialize.atomic import write_file, write_folder
from medtorch.serialize.container import Container, open_container, pack_zip
from medtorch.serialize.digest import check_sha256, parse_sha256, sha256_of
from medtorch.serialize.edge import to_array, to_tensor
from medtorch.serialize.limits import DEFAULT_LIMITS, Limits
from medtorch.serialize.manifest import (
    GOLDEN,
    MANIFEST,
    WEIGHTS,
    CaseEntry,
    Description,
    FileEntry,
    Manifest,
    TensorEntry,
    Tolerance,
    pack_manifest,
    parse_manifest,
)
from medtorch.serialize.safetensors import pack_safetensors, parse_safetensors, tensor_bytes
from medtorch.serialize.source import PathLike, Source
from medtorch.serialize.storages import Array

_LARGE = 1 << 20  # bytes


@dataclass(frozen=True, eq=False)
class GoldenCase:
    """Inputs, and the outputs that the model gave for them when the bundle was written."""

    name: str
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class BundleData:
    """What a bundle holds. `verified` says whether its digest was one that the caller expected."""

    path: Path
    sha256: str
    verified: bool
    manifest: Manifest
    weights: dict[str, Tensor]
    golden: tuple[GoldenCase, ...]
    # the files besides bundle.json, the weights and the golden tensors; large ones as views of what was read
    files: dict[str, bytes | memoryview]

    @property
    def description(self) -> Description:
        return self.manifest.description


def read_bundle(
    path: PathLike, *, sha256: str | None, allow_unverified: bool = False, limits: Limits = DEFAULT_LIMITS
) -> BundleData:
    """Read a bundle whose bundle.json has the digest `sha256`.

    The expected digest comes from the caller. `sha256=None` is refused unless `allow_unverified=True` says that this
    bundle is looked at without knowing what it should be; the digests inside are checked all the same.

    Raises    ArgumentError for no digest, or both; FileMissingError, UnreadableError; DigestError, naming the file or
              tensor; FormatError, UnsafeError, LimitError, SchemaError
    Requires  REQ-F-BUN-002
    """
    if sha256 is None and not allow_unverified:
        raise ArgumentError(
            "read_bundle: no expected digest: pass sha256=..., or allow_unverified=True to look at a bundle unchecked"
        )
    if sha256 is not None and allow_unverified:
        raise ArgumentError("read_bundle: sha256 and allow_unverified=True contradict each other")
    expected = None if sha256 is None else parse_sha256(sha256)
    container = open_container(Path(path), limits)
    head = _read_manifest_bytes(container)
    if expected is not None:
        check_sha256(head.view, expected, head.name)
    manifest = parse_manifest(head.view.tobytes(), head.name, limits)
    _check_files(container, manifest)
    sources = {name: _read_checked(container, name, entry) for name, entry in manifest.files.items()}
    weights = _read_tensors(sources.pop(WEIGHTS), manifest.weights, limits)
    golden = _read_tensors(sources.pop(GOLDEN), manifest.golden, limits)
    return BundleData(
        path=Path(path),
        sha256=sha256_of(head.view),
        verified=expected is not None,
        manifest=manifest,
        weights={name: to_tensor(array, False) for name, array in weights.items()},
        golden=tuple(_case(entry, golden) for entry in manifest.cases),
        files={name: _bytes_or_view(source) for name, source in sources.items()},
    )


def write_bundle(
    path: PathLike,
    description: Description,
    weights: Mapping[str, Any],
    golden: Sequence[GoldenCase],
    *,
    tolerance: Tolerance = Tolerance(),  # noqa: B008  frozen
    arithmetic: str | None = None,
    files: Mapping[str, bytes] | None = None,
    overwrite: bool = False,
) -> str:
    """Write a bundle, as a zip if `path` ends in .zip, else as a folder; returns its digest.

    `arithmetic` names what computed the golden outputs, where that gives the same bits everywhere: under that name they
    must then be met bit for bit, under any other within the tolerance.

    The bundle appears whole or not at all; with `overwrite` the former one stays complete until the new one is.

    Raises    SaveError, SchemaError
    Requires  REQ-F-BUN-001, REQ-F-BUN-005
    """
    target = Path(path)
    arrays = {name: to_array(value, f"write_bundle: weight {name!r}") for name, value in weights.items()}
    cases, recorded = _golden_arrays(golden)
    parts: dict[str, list[Any]] = {name: [data] for name, data in (files or {}).items()}
    taken = {MANIFEST, WEIGHTS, GOLDEN} & set(parts)
    if taken:
        raise SaveError(f"{target}: a file cannot be called {taken.pop()}: the bundle has its own")
    parts |= {WEIGHTS: pack_safetensors(arrays), GOLDEN: pack_safetensors(recorded)}
    manifest = Manifest(
        description=description,
        written_by=f"medtorch {__version__}",
        weights={name: _entry(array) for name, array in arrays.items()},
        golden={name: _entry(array) for name, array in recorded.items()},
        cases=cases,
        tolerance=tolerance,
        arithmetic=arithmetic,
        files={name: _file_entry(pieces) for name, pieces in parts.items()},
    )
    head = pack_manifest(manifest, str(target))
    ordered = {MANIFEST: [head], **{name: parts[name] for name in sorted(parts)}}
    _refuse_strangers(target)
    if target.suffix == ".zip":
        write_file(target, pack_zip(ordered), overwrite=overwrite)
    else:
        write_folder(target, ordered, overwrite=overwrite)
    return sha256_of(head)


def bundle_digest(path: PathLike, limits: Limits = DEFAULT_LIMITS) -> str:
    """The digest that a bundle has now: that of its bundle.json. Nothing else of it is read or checked."""
    return sha256_of(_read_manifest_bytes(open_container(Path(path), limits)).view)


def _read_manifest_bytes(container: Container) -> Source:
    if MANIFEST not in container.sizes:
        raise FormatError(f"{container.name}: there is no {MANIFEST}: no bundle")
    return container.read(MANIFEST)


def _check_files(container: Container, manifest: Manifest) -> None:
    """Exactly the files of the manifest, each of the size that it says."""
    present = set(container.sizes) - {MANIFEST}
    listed = set(manifest.files)
    if listed - present:
        raise FormatError(f"{container.name}: {sorted(listed - present)[0]} is missing from the bundle")
    if present - listed:
        raise FormatError(f"{container.name}: {sorted(present - listed)[0]!r} is not a file of this bundle")
    for name, entry in manifest.files.items():
        if container.sizes[name] != entry.bytes:
            raise DigestError(f"{container.name}: {name}: has {container.sizes[name]} bytes, expected {entry.bytes}")


def _read_checked(container: Container, name: str, entry: FileEntry) -> Source:
    source = container.read(name)
    check_sha256(source.view, entry.sha256, source.name)
    return source


def _read_tensors(source: Source, entries: Mapping[str, TensorEntry], limits: Limits) -> dict[str, Array]:
    """The tensors of a checked file, in the manifest's order, each as the manifest describes it."""
    arrays = parse_safetensors(source, limits).tensors
    if set(arrays) != set(entries):
        name = sorted(set(arrays) ^ set(entries))[0]
        where = "the file but not bundle.json" if name in arrays else "bundle.json but not the file"
        raise FormatError(f"{source.name}: tensor {name!r} is in {where}")
    for name, entry in entries.items():
        array = arrays[name]
        kind = dtypes.from_numpy(array.dtype).name
        if (kind, array.shape) != (entry.dtype, entry.shape):
            raise FormatError(
                f"{source.name}: tensor {name!r} is {kind} {array.shape}, bundle.json says {entry.dtype} {entry.shape}"
            )
        check_sha256(tensor_bytes(array), entry.sha256, f"{source.name}: tensor {name!r}")
    return {name: arrays[name] for name in entries}


def _bytes_or_view(source: Source) -> bytes | memoryview:
    return source.view if len(source) >= _LARGE else source.view.tobytes()


def _case(entry: CaseEntry, arrays: Mapping[str, Array]) -> GoldenCase:
    return GoldenCase(
        entry.name,
        tuple(to_tensor(arrays[name], False) for name in entry.inputs),
        tuple(to_tensor(arrays[name], False) for name in entry.outputs),
    )


def _golden_arrays(golden: Sequence[GoldenCase]) -> tuple[tuple[CaseEntry, ...], dict[str, Array]]:
    arrays: dict[str, Array] = {}
    cases = []
    for case in golden:
        names = {}
        for role, values in (("input", case.inputs), ("output", case.outputs)):
            names[role] = tuple(f"{case.name}.{role}.{index}" for index in range(len(values)))
            for name, value in zip(names[role], values, strict=True):
                if name in arrays:
                    raise SchemaError(f"write_bundle: two golden cases are called {case.name!r}")
                arrays[name] = _finite(to_array(value, f"write_bundle: golden {name!r}"), name)
        cases.append(CaseEntry(case.name, names["input"], names["output"]))
    return tuple(cases), arrays


def _finite(array: Array, name: str) -> Array:
    if dtypes.from_numpy(array.dtype).is_floating_point and not np.isfinite(array.astype(np.float64)).all():
        raise SaveError(f"write_bundle: golden {name!r} has values that are not finite: no answer to test against")
    return array


def _entry(array: Array) -> TensorEntry:
    return TensorEntry(dtypes.from_numpy(array.dtype).name, tuple(array.shape), sha256_of(tensor_bytes(array)))


def _file_entry(pieces: list[Any]) -> FileEntry:
    return FileEntry(sha256_of(*pieces), sum(memoryview(piece).nbytes for piece in pieces))


def _refuse_strangers(target: Path) -> None:
    """Only a bundle is ever overwritten, never a folder or file that is something else."""
    if target.suffix == ".zip" or not target.exists():
        return
    if not target.is_dir() or (any(target.iterdir()) and not (target / MANIFEST).is_file()):
        raise SaveError(f"{target}: exists and is no bundle; it is not overwritten")
