"""Checkpoints of a training: everything that the next step depends on, written whole or not at all.

A folder with `model.safetensors` (the weights alone, for whoever wants them), `state.safetensors` and
`state.json`, in which every file's digest stands.

Requires  REQ-F-TRN-003
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import FormatError, LoadError
from medtorch.serialize.atomic import write_folder
from medtorch.serialize.digest import check_sha256, sha256_of
from medtorch.serialize.edge import to_array, to_tensor
from medtorch.serialize.jsontext import parse_json, write_json
from medtorch.serialize.limits import DEFAULT_LIMITS
from medtorch.serialize.safetensors import pack_safetensors, parse_safetensors
from medtorch.serialize.source import read_source
from medtorch.training.tree import flatten, unflatten

MODEL = "model.safetensors"
STATE = "state.safetensors"
TEXT = "state.json"
FORMAT = "medtorch.checkpoint"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What is needed to go on. `state` is nested data with tensors in it; `config` is the training's description."""

    config: dict[str, Any]
    model: dict[str, Tensor]
    state: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write, in place of an older one. Raises SaveError."""
    plain, tensors = flatten(checkpoint.state)
    parts = {
        MODEL: pack_safetensors({name: to_array(value, name) for name, value in checkpoint.model.items()}),
        STATE: pack_safetensors({name: to_array(value, name) for name, value in tensors.items()}),
    }
    text = {
        "format": FORMAT,
        "format_version": 1,
        "config": checkpoint.config,
        "state": plain,
        "files": {name: sha256_of(*pieces) for name, pieces in parts.items()},
    }
    write_folder(path, {**parts, TEXT: [write_json(text).encode("utf-8")]}, overwrite=True)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Raises    FileMissingError, UnreadableError; FormatError for another file; DigestError for a damaged one
    """
    name = str(path / TEXT)
    text = parse_json(read_source(path / TEXT, DEFAULT_LIMITS).view.tobytes(), name, DEFAULT_LIMITS)
    if not isinstance(text, dict) or (text.get("format"), text.get("format_version")) != (FORMAT, 1):
        raise FormatError(f"{name}: not the state of a training that this version wrote")
    try:
        files, state, config = text["files"], text["state"], text["config"]
        model, tensors = (_tensors(path / part, files[part]) for part in (MODEL, STATE))
        return Checkpoint(config, model, unflatten(state, tensors))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, LoadError):
            raise
        raise FormatError(f"{name}: damaged: {error}") from error


def _tensors(path: Path, sha256: str) -> dict[str, Tensor]:
    source = read_source(path, DEFAULT_LIMITS)
    check_sha256(source.view, sha256, source.name)
    arrays = parse_safetensors(source, DEFAULT_LIMITS).tensors
    return {name: to_tensor(array, False) for name, array in arrays.items()}
