"""bundle.json as data: what a bundle says of its model, and the digests of everything in it.

Requires  REQ-F-BUN-001
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medtorch.errors import SchemaError
from medtorch.serialize.jsontext import parse_json, plain_json, write_json
from medtorch.serialize.limits import Limits
from medtorch.serialize.schema import check_schema

MANIFEST = "bundle.json"
WEIGHTS = "weights.safetensors"
GOLDEN = "golden.safetensors"

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("bundle.schema.json").read_text(encoding="utf-8"))

Step = Mapping[str, Any]  # {"op": name, argument: plain JSON, ...}


@dataclass(frozen=True)
class Architecture:
    """The builder of the model and its keyword arguments, plain JSON."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    """What the model takes as one input.

    Shapes    `axes` has a letter for each size of `shape` ('NCHW'); None is any size
    Units     spacing_mm in millimetres, one for each spatial axis
    """

    name: str
    axes: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"
    value_range: tuple[float, float] | None = None
    channels: tuple[str, ...] | None = None
    modality: str | None = None
    spacing_mm: tuple[float | None, ...] | None = None
    description: str | None = None


@dataclass(frozen=True)
class Checkpoint:
    """The file that the weights were converted from; `key` and `stripped_prefix` say where in it they were."""

    file: str
    sha256: str
    key: str | None = None
    stripped_prefix: str | None = None


@dataclass(frozen=True)
class Origin:
    """Who made the weights and how. `checkpoint` is None for a model trained here."""

    description: str
    checkpoint: Checkpoint | None
    url: str | None = None
    training_data: str | None = None


@dataclass(frozen=True)
class Licence:
    """SPDX identifier, the attribution that it asks for, the bundle's file with its text."""

    spdx: str
    attribution: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class Description:
    """All that people say of a model. Digests are no part of it: `write_bundle` takes them itself."""

    name: str
    version: str
    task: str
    architecture: Architecture
    inputs: tuple[Input, ...]
    preprocessing: tuple[Step, ...]
    labels: tuple[str, ...]
    postprocessing: tuple[Step, ...]
    origin: Origin
    intended_use: str
    licence: Licence


@dataclass(frozen=True)
class Tolerance:
    """|given - recorded| <= absolute + relative * |recorded|."""

    absolute: float = 1e-4
    relative: float = 1e-4


@dataclass(frozen=True)
class TensorEntry:
    """What a tensor of the bundle is; the digest is of its bytes in C order, little-endian."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True)
class FileEntry:
    """What a file of the bundle is."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class CaseEntry:
    """The names of a golden case's inputs and outputs in golden.safetensors."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """A whole bundle.json."""

    description: Description
    written_by: str
    weights: Mapping[str, TensorEntry]
    golden: Mapping[str, TensorEntry]
    cases: tuple[CaseEntry, ...]
    tolerance: Tolerance
    files: Mapping[str, FileEntry]
    arithmetic: str | None = (
        None  # that the golden outputs were computed by; under it they are the same bits everywhere
    )


def parse_manifest(raw: bytes, name: str, limits: Limits) -> Manifest:
    """The manifest that the bytes of a bundle.json describe; raises FormatError, LimitError, SchemaError."""
    data = parse_json(raw, name, limits)
    check_schema(data, SCHEMA, name)
    manifest = _from_json(data)
    _check_sense(manifest, name)
    return manifest


def pack_manifest(manifest: Manifest, name: str) -> bytes:
    """The bytes of a bundle.json; raises SchemaError for a description that a reader would refuse."""
    data = plain_json(_to_json(manifest), name, "$")
    check_schema(data, SCHEMA, name)
    _check_sense(manifest, name)
    return write_json(data).encode("utf-8")


def _check_sense(manifest: Manifest, name: str) -> None:
    """What a schema cannot say: parts that must fit each other."""
    for index, entry in enumerate(manifest.description.inputs):
        if len(entry.axes) != len(entry.shape):
            raise SchemaError(f"{name}: $.inputs[{index}] has {len(entry.axes)} axes and {len(entry.shape)} sizes")
        if entry.value_range is not None and entry.value_range[0] >= entry.value_range[1]:
            raise SchemaError(f"{name}: $.inputs[{index}].value_range is empty: {entry.value_range}")
    used = [part for case in manifest.cases for part in (*case.inputs, *case.outputs)]
    if len(set(used)) != len(used) or set(used) != set(manifest.golden):
        raise SchemaError(f"{name}: $.golden.cases do not use each of $.golden.tensors once")
    if len({case.name for case in manifest.cases}) != len(manifest.cases):
        raise SchemaError(f"{name}: two of $.golden.cases have one name")
    if any(len(case.inputs) != len(manifest.description.inputs) for case in manifest.cases):
        raise SchemaError(f"{name}: a golden case has another number of inputs than $.inputs")
    if MANIFEST in manifest.files:
        raise SchemaError(f"{name}: $.files lists {MANIFEST}, which cannot hold its own digest")
    licence_file = manifest.description.licence.file
    if licence_file is not None and licence_file not in manifest.files:
        raise SchemaError(f"{name}: $.licence.file {licence_file!r} is not among $.files")


def _to_json(manifest: Manifest) -> dict[str, Any]:
    text = manifest.description
    return {
        "format": "medtorch.bundle",
        "format_version": 1,
        "written_by": manifest.written_by,
        "name": text.name,
        "version": text.version,
        "task": text.task,
        "architecture": {"name": text.architecture.name, "arguments": text.architecture.arguments},
        "inputs": [_given(asdict(entry)) for entry in text.inputs],
        "preprocessing": text.preprocessing,
        "labels": text.labels,
        "postprocessing": text.postprocessing,
        "weights": {"tensors": _entries(manifest.weights)},
        "golden": {
            "cases": [asdict(case) for case in manifest.cases],
            "tolerance": asdict(manifest.tolerance),
            "tensors": _entries(manifest.golden),
            **_given({"arithmetic": manifest.arithmetic}),
        },
        "files": _entries(manifest.files),
        "origin": {**_given(asdict(text.origin)), "checkpoint": _checkpoint(text.origin.checkpoint)},
        "intended_use": text.intended_use,
        "licence": _given(asdict(text.licence)),
    }


def _entries(entries: Mapping[str, TensorEntry] | Mapping[str, FileEntry]) -> dict[str, Any]:
    return {name: asdict(entry) for name, entry in entries.items()}


def _checkpoint(checkpoint: Checkpoint | None) -> dict[str, Any] | None:
    return None if checkpoint is None else _given(asdict(checkpoint))


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Optional fields that are None are left out."""
    return {name: value for name, value in fields.items() if value is not None}


def _from_json(data: dict[str, Any]) -> Manifest:
    golden, origin = data["golden"], data["origin"]
    checkpoint = origin["checkpoint"]
    return Manifest(
        description=Description(
            name=data["name"],
            version=data["version"],
            task=data["task"],
            architecture=Architecture(**data["architecture"]),
            inputs=tuple(_input(entry) for entry in data["inputs"]),
            preprocessing=tuple(data["preprocessing"]),
            labels=tuple(data["labels"]),
            postprocessing=tuple(data["postprocessing"]),
            origin=Origin(**{**origin, "checkpoint": None if checkpoint is None else Checkpoint(**checkpoint)}),
            intended_use=data["intended_use"],
            licence=Licence(**data["licence"]),
        ),
        written_by=data["written_by"],
        weights=_tensor_entries(data["weights"]["tensors"]),
        golden=_tensor_entries(golden["tensors"]),
        cases=tuple(CaseEntry(case["name"], tuple(case["inputs"]), tuple(case["outputs"])) for case in golden["cases"]),
        tolerance=Tolerance(**golden["tolerance"]),
        files={name: FileEntry(entry["sha256"], int(entry["bytes"])) for name, entry in data["files"].items()},
        arithmetic=golden.get("arithmetic"),
    )


def _input(entry: dict[str, Any]) -> Input:
    lists = ("shape", "value_range", "channels", "spacing_mm")
    fields: dict[str, Any] = {key: tuple(value) if key in lists else value for key, value in entry.items()}
    fields["shape"] = tuple(None if size is None else int(size) for size in fields["shape"])
    return Input(**fields)


def _tensor_entries(entries: dict[str, Any]) -> dict[str, TensorEntry]:
    return {
        name: TensorEntry(entry["dtype"], tuple(map(int, entry["shape"])), entry["sha256"])
        for name, entry in entries.items()
    }
