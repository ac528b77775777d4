"""torch.save and torch.load, under their own arguments.

Requires  REQ-F-CPT-004
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from medtorch.core.devices import as_device, device
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, UnsupportedError
from medtorch.serialize.source import PathLike
from medtorch.serialize.torchfile import load_torch
from medtorch.serialize.torchwriter import save_torch

MapLocation = str | device | Mapping[str, str] | Callable[..., Any] | None


def save(
    obj: Any,
    f: PathLike | BinaryIO,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write tensors and plain data in PyTorch's format; torch.load reads it.

    Raises    SaveError for other objects, naming them: of a module save `module.state_dict()`; UnsupportedError for
              another way of writing
    Source    semantics of torch.save
    """
    if pickle_module is not None or pickle_protocol != 2 or not _use_new_zipfile_serialization:
        raise UnsupportedError(
            "save: only the zip format with pickle protocol 2 is written, and without a pickle module"
        )
    save_torch(obj, f)


def load(
    f: PathLike | BinaryIO,
    map_location: MapLocation = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What torch.save wrote. Nothing in the file is run, whatever `weights_only` says; tensors come to the CPU.

    `map_location` moves them: a device, or a dict with an entry for "cpu".

    Raises    LoadError as `medtorch.serialize.load_torch`; UnsupportedError for a pickle module, mmap=True, or a
              function as map_location
    Source    semantics of torch.load
    """
    if pickle_module is not None or pickle_load_args:
        raise UnsupportedError("load: no pickle module is used, and arguments for one are not taken")
    if mmap:
        raise UnsupportedError("load: mmap=True: a mapped file can change after its check; files are read whole")
    place = _place(map_location)
    found = load_torch(f)
    return found if place is None or place.type == "cpu" else _moved(found, place)


def _place(map_location: MapLocation) -> device | None:
    if map_location is None:
        return None
    if isinstance(map_location, Mapping):
        return as_device(map_location["cpu"]) if "cpu" in map_location else None
    if isinstance(map_location, (str, device)):
        return as_device(map_location)
    if callable(map_location):
        raise UnsupportedError("load: map_location as a function of storages; give a device")
    raise ArgumentError(f"load: map_location is a {type(map_location).__name__}")


def _moved(value: Any, place: device) -> Any:
    if isinstance(value, Tensor):
        return value.detach().to(place).requires_grad_(value.requires_grad)
    if isinstance(value, (dict, OrderedDict)):
        return type(value)((k, _moved(v, place)) for k, v in value.items())
    if type(value) in (list, tuple):
        return type(value)(_moved(v, place) for v in value)
    return value
