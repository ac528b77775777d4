"""A bundle's description as people write it, in YAML or JSON: all that a checkpoint does not say of itself.

    name: cxr-classifier
    version: "1.0"
    task: classification
    architecture: {name: lenet, arguments: {num_classes: 3}}
    input: {axes: NCHW, shape: [null, 1, 32, 32], value_range: [-1, 1]}
    preprocessing: [{op: to_rgb}, ...]
    labels: [NORMAL, ...]
    postprocessing: [{op: softmax}, {op: argmax}]
    golden: [images/a.jpeg, ...]             # images, relative to this file
    origin: {description: ..., url: ..., training_data: ...}
    intended_use: ...
    licence: {spdx: MIT, attribution: ..., file: LICENSE.txt}

Requires  REQ-F-CLI-004
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medtorch.core.creation import from_numpy
from medtorch.core.tensor import Tensor
from medtorch.data import Pipeline, read
from medtorch.errors import ConfigError, DataError
from medtorch.serialize import Architecture, Description, Input, Licence, Origin, Tolerance
from medtorch.serve.section import Section, is_number, is_whole
from medtorch.serve.yaml_door import read_description

TASKS = ("classification", "multilabel-classification", "segmentation", "detection", "regression", "other")


@dataclass(frozen=True)
class BundleSpec:
    """A description, the images of its golden cases, and the bundle's further files."""

    description: Description
    golden: tuple[Path, ...]
    tolerance: Tolerance
    files: dict[str, Path]

    def golden_inputs(self) -> dict[str, Tensor]:
        """The golden images, prepared. Raises DataError for one that cannot be read."""
        pipeline = Pipeline.parse(list(self.description.preprocessing))
        return {path.stem: from_numpy(pipeline(read(path)).array[None]) for path in self.golden}

    def file_bytes(self) -> dict[str, bytes]:
        """The contents of the further files. Raises DataError for one that cannot be read."""
        return {name: _read(path) for name, path in self.files.items()}


def read_spec(path: Path) -> BundleSpec:
    """The description in a file. Raises ConfigError naming file and key."""
    return parse_spec(Section(read_description(path), str(path)), path.parent)


def parse_spec(section: Section, folder: Path, architecture: Architecture | None = None) -> BundleSpec:
    """The description in a section; paths are relative to `folder`. A given `architecture` may not be given again."""
    if architecture is None:
        architecture = _architecture(section.section("architecture"))
    licence, files = _licence(section.section("licence"), folder)
    description = Description(
        name=section.text("name"),
        version=section.text("version"),
        task=section.choice("task", TASKS),
        architecture=architecture,
        inputs=(_input(section.section("input")),),
        preprocessing=tuple(Pipeline.parse(section.listing("preprocessing")).describe()),
        labels=section.texts("labels"),
        postprocessing=tuple(section.listing("postprocessing")),
        origin=_origin(section.section("origin")),
        intended_use=section.text("intended_use"),
        licence=licence,
    )
    golden = tuple(folder / name for name in section.texts("golden"))
    if len({path.stem for path in golden}) != len(golden):
        raise ConfigError(f"{section.place('golden')}: two images have one name")
    tolerance = _tolerance(section.optional("tolerance"))
    section.done()
    return BundleSpec(description, golden, tolerance, files)


def with_origin(spec: BundleSpec, origin: Origin) -> BundleSpec:
    """The same, with another origin."""
    return replace(spec, description=replace(spec.description, origin=origin))


def _architecture(section: Section) -> Architecture:
    made = Architecture(section.text("name"), dict(section.mapping("arguments", {})))
    section.done()
    return made


def _input(section: Section) -> Input:
    shape = section.listing("shape")
    if not all(side is None or is_whole(side, 1) for side in shape):
        raise ConfigError(f"{section.place('shape')}: sizes are whole numbers of at least 1, or null for any")
    made = Input(
        name=section.text("name", "image"),
        axes=section.text("axes"),
        shape=tuple(shape),
        dtype=section.text("dtype", "float32"),
        value_range=_pair(section, "value_range"),
        channels=section.texts("channels", None),
        modality=section.text("modality", None),
        spacing_mm=_spacing(section),
        description=section.text("description", None),
    )
    section.done()
    return made


def _pair(section: Section, key: str) -> tuple[float, float] | None:
    value = section.listing(key, None)
    if value is None:
        return None
    if len(value) != 2 or not all(is_number(part) for part in value):
        raise ConfigError(f"{section.place(key)}: must be two numbers")
    return float(value[0]), float(value[1])


def _spacing(section: Section) -> tuple[float | None, ...] | None:
    value = section.listing("spacing_mm", None)
    if value is None:
        return None
    if not all(part is None or (is_number(part) and part > 0) for part in value):
        raise ConfigError(f"{section.place('spacing_mm')}: must be positive numbers, or null where any will do")
    return tuple(None if part is None else float(part) for part in value)


def _origin(section: Section) -> Origin:
    made = Origin(
        description=section.text("description"),
        checkpoint=None,
        url=section.text("url", None),
        training_data=section.text("training_data", None),
    )
    section.done()
    return made


def _licence(section: Section, folder: Path) -> tuple[Licence, dict[str, Path]]:
    file = section.text("file", None)
    name = None if file is None else Path(file).name
    made = Licence(spdx=section.text("spdx"), attribution=section.text("attribution", None), file=name)
    section.done()
    return made, {} if name is None else {name: folder / file}


def _tolerance(section: Section | None) -> Tolerance:
    if section is None:
        return Tolerance()
    made: dict[str, Any] = {
        key: section.number(key, getattr(Tolerance(), key), low=0.0) for key in ("absolute", "relative")
    }
    section.done()
    return Tolerance(**made)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
