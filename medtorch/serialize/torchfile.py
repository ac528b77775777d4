"""`load_torch`: what torch.save and torch.jit.save wrote, of any PyTorch age, without pickle's powers.

Requires  REQ-F-SER-001, REQ-F-SER-002, REQ-F-SER-005, REQ-S-SEC-001
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, BinaryIO

from medtorch.errors import FormatError, UnsupportedFileError
from medtorch.serialize.digest import check_sha256, sha256_of
from medtorch.serialize.edge import to_tensor
from medtorch.serialize.legacy import is_legacy, read_legacy
from medtorch.serialize.limits import DEFAULT_LIMITS, Limits
from medtorch.serialize.resolve import MakeTensor, Resolver
from medtorch.serialize.source import PathLike, Source, read_source
from medtorch.serialize.torchscript import is_torchscript, read_torchscript
from medtorch.serialize.torchzip import folder_of, read_pickle, storages_of
from medtorch.serialize.ziparchive import LOCAL_MAGIC, open_zip


@dataclass(frozen=True, eq=False)
class TorchFile:
    """What a PyTorch file holds, and what it is.

    `format` is 'zip', 'legacy' or 'torchscript'; `notes` say what of the file is not in `data`; `sha256` is the
    digest of the very bytes that were read.
    """

    data: Any
    format: str
    notes: tuple[str, ...]
    sha256: str


def load_torch(path: PathLike | BinaryIO, *, sha256: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The value that torch.save wrote: a state dict `{name: Tensor}`, or nested plain data with tensors in it.

    Nothing in the file is run. All tensors come to the CPU, share memory where they did when saved, and can be
    written to. A TorchScript archive gives its tensors by attribute path. `sha256`, where given, is checked before
    anything else. A bare storage comes as a flat tensor, a Parameter as a tensor that requires grad.
    Python attributes that somebody hung on a tensor are left out; `inspect_torch` lists them.

    Raises    FileMissingError, UnreadableError; DigestError; FormatError for a damaged file or another format;
              UnsafeError for a file that asks for code; UnsupportedFileError for what medtorch has not; LimitError
    Source    semantics of torch.load(map_location='cpu', weights_only=True)
    Requires  REQ-F-SER-001, REQ-F-SER-002, REQ-F-SER-005, REQ-S-SEC-001
    """
    return parse_torch(_read(path, sha256, limits), limits, to_tensor).data


def inspect_torch(
    path: PathLike | BinaryIO, *, sha256: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> TorchFile:
    """As `load_torch`, with the file's format and digest, and notes on what is not in its data."""
    source = _read(path, sha256, limits)
    parsed = parse_torch(source, limits, to_tensor)
    return TorchFile(parsed.data, parsed.format, parsed.notes, sha256_of(source.view))


@dataclass(frozen=True, eq=False)
class Parsed:
    """The value in a file's bytes, their format, and what was left out."""

    data: Any
    format: str
    notes: tuple[str, ...]


def parse_torch(source: Source, limits: Limits, make: MakeTensor) -> Parsed:
    """A file's bytes -> its value, with `make(array, requires_grad)` in place of every tensor."""
    notes: list[str] = []
    if source.head(2) == b"PK":
        if source.head(4) != LOCAL_MAGIC:
            raise FormatError(f"{source.name}: a zip file without entries, or damaged")
        return _parse_zip(source, limits, make, notes)
    if is_legacy(source):
        value, storages = read_legacy(source, limits, notes)
        data = Resolver(source.name, limits, storages, make).value(value)
        return Parsed(data, "legacy", tuple(notes))
    raise _other_format(source)


def _read(path: PathLike | BinaryIO, sha256: str | None, limits: Limits) -> Source:
    source = read_source(path, limits)
    if sha256 is not None:
        check_sha256(source.view, sha256, source.name)
    return source


def _parse_zip(source: Source, limits: Limits, make: MakeTensor, notes: list[str]) -> Parsed:
    archive = open_zip(source, limits)
    folder = folder_of(archive)
    if f"{folder}/model.json" in archive.entries:
        raise UnsupportedFileError(f"{source.name}: a TorchScript archive of before PyTorch 1.4 (model.json)")
    if not is_torchscript(archive, folder):
        value = read_pickle(archive, folder, "data.pkl", limits, notes)
        resolver = Resolver(source.name, limits, storages_of(archive, folder, "data", limits), make)
        return Parsed(resolver.value(value), "zip", tuple(notes))
    state, constants = read_torchscript(archive, folder, limits, notes)
    data = Resolver(source.name, limits, storages_of(archive, folder, "data", limits), make).value(state)
    fixed = Resolver(source.name, limits, storages_of(archive, folder, "constants", limits), make).value(constants)
    return Parsed(OrderedDict({**data, **fixed}), "torchscript", tuple(notes))


def _other_format(source: Source) -> FormatError | UnsupportedFileError:
    if len(source) > 262 and source.data[257:262].tobytes() == b"ustar":
        return UnsupportedFileError(
            f"{source.name}: a tar archive: the format of the first PyTorch releases is not read; "
            "load it with torch and save it again"
        )
    if source.head(6) == b"\x89HDF\r\n":
        return FormatError(f"{source.name}: an HDF5 file, not one of PyTorch")
    if source.head(2) == b"\x1f\x8b":
        return FormatError(f"{source.name}: packed with gzip: unpack it first")
    if len(source) > 9 and source.data[8] == ord("{"):
        return FormatError(f"{source.name}: looks like safetensors: use load_safetensors")
    return FormatError(f"{source.name}: not a file of PyTorch: it begins with {source.head(8)!r}")
