"""Every preprocessing step under its name, and steps as plain data: {"op": name, argument: value, ...} and back.

Requires  REQ-F-DAT-005
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from medtorch.data.grid_steps import (
    CenterCrop,
    Crop,
    CropToForeground,
    CropToRegion,
    Pad,
    PadToMultiple,
    PadToSize,
    Resize,
)
from medtorch.data.value_steps import (
    Clip,
    Grayscale,
    Normalize,
    ScaleQuantiles,
    ScaleRange,
    Standardize,
    ToFloat,
    ToRgb,
)
from medtorch.errors import ConfigError

GridStep = Resize | Crop | CenterCrop | CropToRegion | CropToForeground | Pad | PadToSize | PadToMultiple
ValueStep = ToRgb | Grayscale | ToFloat | Normalize | Standardize | ScaleQuantiles | ScaleRange | Clip
Step = GridStep | ValueStep
StepT = TypeVar("StepT")

STEPS: dict[str, type[Step]] = {
    "to_rgb": ToRgb,
    "grayscale": Grayscale,
    "to_float": ToFloat,
    "normalize": Normalize,
    "standardize": Standardize,
    "scale_quantiles": ScaleQuantiles,
    "scale_range": ScaleRange,
    "clip": Clip,
    "resize": Resize,
    "crop": Crop,
    "center_crop": CenterCrop,
    "crop_to_region": CropToRegion,
    "crop_to_foreground": CropToForeground,
    "pad": Pad,
    "pad_to_size": PadToSize,
    "pad_to_multiple": PadToMultiple,
}


def parse_steps(
    description: object, known: Mapping[str, type[StepT]], what: str = "preprocessing"
) -> tuple[StepT, ...]:
    """Turn a list of descriptions into steps.

    Raises    ConfigError naming the place in the list, the unknown op or argument, or the value that cannot be
    """
    if not isinstance(description, Sequence) or isinstance(description, str):
        raise ConfigError(f"{what}: must be a list of steps, not {description!r}")
    return tuple(_parse(entry, known, f"{what}[{place}]") for place, entry in enumerate(description))


def describe_steps(steps: Sequence[Any], known: Mapping[str, type[Any]]) -> list[dict[str, Any]]:
    """Turn steps into plain data with every argument written out, defaults too."""
    names = {kind: name for name, kind in known.items()}
    return [{"op": names[type(step)], **_plain(step)} for step in steps]


def _parse(entry: object, known: Mapping[str, type[StepT]], where: str) -> StepT:
    if not isinstance(entry, Mapping) or "op" not in entry:
        raise ConfigError(f"{where}: must be a mapping with an 'op', not {entry!r}")
    op = entry["op"]
    if op not in known:
        raise ConfigError(f"{where}: unknown op {op!r} (known: {', '.join(known)})")
    kind = known[op]
    arguments = {name: _frozen(value) for name, value in entry.items() if name != "op"}
    _check_names(where, op, kind, arguments)
    try:
        return kind(**arguments)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _check_names(where: str, op: str, kind: type[Any], arguments: Mapping[str, Any]) -> None:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in arguments:
        if name not in fields:
            raise ConfigError(f"{where}: {op} has no argument {name!r} (has: {', '.join(fields) or 'none'})")
    for name, field in fields.items():
        if name not in arguments and field.default is dataclasses.MISSING:
            raise ConfigError(f"{where}: {op} needs the argument {name!r}")


def _frozen(value: Any) -> Any:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


def _plain(step: Any) -> dict[str, Any]:
    values = {field.name: getattr(step, field.name) for field in dataclasses.fields(step)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
