"""The zip format that torch.save writes since PyTorch 1.6: one folder with data.pkl, data/<key>, version, byteorder.

Source    semantics of torch.load for zip files
Requires  REQ-F-SER-001
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medtorch.errors import FormatError, UnsupportedFileError
from medtorch.serialize.guards import kind_of
from medtorch.serialize.limits import Limits
from medtorch.serialize.reader import PickleReader
from medtorch.serialize.records import StorageRef, StorageType
from medtorch.serialize.storages import Storages
from medtorch.serialize.ziparchive import ZipArchive

_NEWEST = 20  # far above the versions that exist (1 to 10); a larger number is no version


def folder_of(archive: ZipArchive) -> str:
    """The one folder that every entry of a PyTorch archive lies in."""
    folders = {name.partition("/")[0] for name in archive.entries}
    if len(folders) != 1 or any("/" not in name for name in archive.entries):
        raise FormatError(f"{archive.source.name}: a zip file, but not one folder with data.pkl as PyTorch writes it")
    return folders.pop()


def read_pickle(
    archive: ZipArchive, folder: str, pickle: str, limits: Limits, notes: list[str], *, script: bool = False
) -> Any:
    """The records of one pickle of the archive."""
    name = f"{folder}/{pickle}"
    if name not in archive.entries:
        raise FormatError(f"{archive.source.name}: the archive has no {name}: it was not written by PyTorch")
    limits.hold("pickle_bytes", archive.entries[name].size, f"{archive.source.name}: {name}: bytes of the pickle")
    data = archive.read(name)
    reader = PickleReader(f"{archive.source.name}: {name}", data.data, limits, storage_id, script=script, notes=notes)
    value = reader.read()
    if reader.position != data.size:
        raise FormatError(f"{archive.source.name}: {name}: {data.size - reader.position} bytes behind the pickle's end")
    return value


def storages_of(archive: ZipArchive, folder: str, tensors: str, limits: Limits) -> Storages:
    """The storages of the entries `<folder>/<tensors>/<key>`."""
    check_version(archive, folder)
    return Storages(
        archive.source.name, limits, _entry_reader(archive, f"{folder}/{tensors}"), is_big_endian(archive, folder)
    )


def _entry_reader(archive: ZipArchive, prefix: str) -> Callable[[str], Any]:
    def read(key: str) -> Any:
        return archive.read(f"{prefix}/{key}")

    return read


def check_version(archive: ZipArchive, folder: str) -> None:
    """Files carry a small whole number as their format's version."""
    name = f"{folder}/version" if f"{folder}/version" in archive.entries else f"{folder}/.data/version"
    raw = archive.text(name).strip()
    if not raw.isdigit() or len(raw) > 9 or not 1 <= int(raw) <= _NEWEST:
        raise UnsupportedFileError(f"{archive.source.name}: {name}: unknown format version {raw!r}")


def is_big_endian(archive: ZipArchive, folder: str) -> bool:
    """What the byteorder record says; files without one (before PyTorch 2.1) count as little-endian, as in torch."""
    name = f"{folder}/byteorder"
    if name not in archive.entries:
        return False
    order = archive.text(name)
    if order not in (b"little", b"big"):
        raise FormatError(f"{archive.source.name}: {name}: unknown byte order {order!r}")
    return order == b"big"


def storage_id(key: Any) -> StorageRef:
    """The persistent id ('storage', type, key, device, elements); every device becomes the CPU."""
    if type(key) is not tuple or not key or key[0] != "storage":
        raise FormatError("a persistent id that is no storage's")
    if len(key) != 5:
        raise FormatError(f"a storage's persistent id has {len(key)} parts, not 5")
    return checked_storage(*key[1:])


def checked_storage(kind: Any, key: Any, device: Any, count: Any) -> StorageRef:
    """A storage record from the parts of a persistent id."""
    if type(kind) is not StorageType:
        raise FormatError(f"the type of a storage is a {kind_of(kind)}")
    if type(key) is not str or not key or len(key) > 256:
        raise FormatError("the key of a storage is not a short text")
    if type(device) is not str:
        raise FormatError(f"the device of a storage is a {kind_of(device)}")
    if device.startswith("meta"):
        raise UnsupportedFileError(f"storage {key!r} was saved without data (device meta)")
    if type(count) is not int:
        raise FormatError(f"the size of a storage is a {kind_of(count)}")
    if count < 0:
        raise FormatError(f"the size of a storage is negative: {count}")
    return StorageRef(key, kind, count)
