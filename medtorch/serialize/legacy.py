"""The format that torch.save wrote before PyTorch 1.6: five pickles, then the bytes of the storages.

The pickles are a magic number, the protocol 1001, facts about the machine, the data, the storages' keys; then for each
key the number of elements (8 bytes) and the elements. torch writes both little-endian on every machine, whatever the
machine's own order in the third pickle is.

Source    semantics of torch.load for files of `_use_new_zipfile_serialization=False`
Requires  REQ-F-SER-002
"""

from __future__ import annotations

from typing import Any

from medtorch.errors import FormatError, UnsafeError, UnsupportedFileError
from medtorch.serialize.guards import kind_of
from medtorch.serialize.limits import Limits
from medtorch.serialize.reader import PickleReader
from medtorch.serialize.records import StorageRef
from medtorch.serialize.source import Bytes, Source
from medtorch.serialize.storages import Storages
from medtorch.serialize.torchzip import checked_storage

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001

_HEADER = 8


def is_legacy(source: Source) -> bool:
    """Whether the file begins with a pickle, of any protocol that is told by its first byte."""
    return source.head(1) == b"\x80"


def read_legacy(source: Source, limits: Limits, notes: list[str]) -> tuple[Any, Storages]:
    """The records of the data, and the storages that they refer to.

    Raises    FormatError, UnsafeError, UnsupportedFileError, LimitError
    """
    sizes: dict[str, int] = {}

    def storage(key: Any) -> StorageRef:
        ref = _storage_id(key)
        if sizes.setdefault(ref.key, ref.bytes) != ref.bytes:
            raise FormatError(f"storage {ref.key!r} has {sizes[ref.key]} bytes here and {ref.bytes} there")
        return ref

    reader = PickleReader(source.name, source.view, limits, notes=notes)
    _check_head(source, reader)
    reader.storage = storage
    value = reader.read()
    reader.storage = None
    keys = reader.read()
    parts = _find_storages(source, reader.position, keys, sizes)
    return value, Storages(source.name, limits, parts.__getitem__)


def _check_head(source: Source, reader: PickleReader) -> None:
    magic = reader.read()
    if type(magic) is not int or magic != MAGIC:
        raise FormatError(
            f"{source.name}: a pickle, but without PyTorch's magic number: it was not written by torch.save"
        )
    protocol = reader.read()
    if type(protocol) is not int or protocol != PROTOCOL:
        raise UnsupportedFileError(f"{source.name}: unknown protocol of torch.save: {kind_of(protocol)}")
    facts = reader.read()
    if type(facts) is not dict or type(facts.get("little_endian")) is not bool:
        raise FormatError(f"{source.name}: the facts about the writing machine are damaged")


def _storage_id(key: Any) -> StorageRef:
    """('storage', type, key, device, elements, view), where view is None or (key of the view, start, elements)."""
    if type(key) is not tuple or not key:
        raise FormatError("a persistent id that is no storage's")
    if key[0] == "module":
        raise UnsafeError("the file holds a whole module with its class; save module.state_dict() instead")
    if key[0] != "storage" or len(key) != 6:
        raise FormatError("a persistent id that is no storage's")
    ref = checked_storage(*key[1:5])
    view = key[5]
    if view is None:
        return ref
    if type(view) is not tuple or len(view) != 3 or type(view[1]) is not int or type(view[2]) is not int:
        raise FormatError("a view of a storage that is not (key, start, elements)")
    start, length = view[1:]
    if start < 0 or length < 0 or start + length > ref.count:
        raise FormatError(f"a view of elements {start} to {start + length} of a storage of {ref.count}")
    return StorageRef(ref.key, ref.type, ref.count, start, length)


def _find_storages(source: Source, position: int, keys: Any, sizes: dict[str, int]) -> dict[str, Bytes]:
    """Where each storage's bytes lie; together they reach exactly to the end of the file."""
    if type(keys) is not list or any(type(key) is not str for key in keys):
        raise FormatError(f"{source.name}: the list of storages is damaged")
    if len(set(keys)) != len(keys) or set(keys) != set(sizes):
        raise FormatError(f"{source.name}: the list of storages is not that of the storages in use")
    parts: dict[str, Bytes] = {}
    for key in keys:
        if position + _HEADER > len(source):
            raise FormatError(f"{source.name}: the file ends in front of storage {key!r}: it is truncated")
        count = int.from_bytes(source.view[position : position + _HEADER], "little", signed=True)
        position += _HEADER
        end = position + sizes[key]
        if end > len(source):
            raise FormatError(f"{source.name}: storage {key!r} reaches beyond the file's end: it is truncated")
        parts[key] = source.data[position:end]
        if not _count_fits(count, sizes[key]):
            raise FormatError(
                f"{source.name}: storage {key!r} has {count} elements, the pickle says {sizes[key]} bytes"
            )
        position = end
    if position != len(source):
        raise FormatError(f"{source.name}: {len(source) - position} bytes behind the last storage")
    return parts


def _count_fits(count: int, size: int) -> bool:
    """Elements of 1, 2, 4 or 8 bytes: the pickle has checked the type, the header counts elements."""
    return count >= 0 and any(count * itemsize == size for itemsize in (1, 2, 4, 8))
