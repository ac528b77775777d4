"""Values of a file, each checked for its kind and size before anything is made of it.

Requires  REQ-F-CMP-010, REQ-S-SEC-001, REQ-S-SEC-003
"""

from __future__ import annotations

from typing import Any

from medtorch.core.graph.saved.saving import KINDS
from medtorch.core.graph.structure import Group, Leaf, Plain, Structure
from medtorch.errors import FormatError, LimitError

_PLAIN = {"bool": bool, "int": int, "float": float, "str": str, "NoneType": type(None)}
MOST_COUNTED = 100_000


def fields_of(data: Any, where: str, names: set[str]) -> dict[str, Any]:
    """`data`, if it is a dict with exactly these names."""
    if not isinstance(data, dict) or set(data) != names:
        raise FormatError(f"{where}: must have {', '.join(sorted(names))} and nothing else")
    return data


def listed(data: Any, where: str, most: int) -> list[Any]:
    """`data`, if it is a list of at most `most`."""
    if not isinstance(data, list):
        raise FormatError(f"{where}: a list is missing")
    if len(data) > most:
        raise LimitError(f"{where}: a list of {len(data)}, more than {most}")
    return data


def whole(value: Any, most: int, where: str) -> int:
    """`value`, if it is a whole number from 0 to `most`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise FormatError(f"{where}: {value!r} is no whole number from 0 to {most}")
    return value


def counts(data: Any, where: str) -> dict[str, int]:
    """Whole numbers by name."""
    if not isinstance(data, dict) or len(data) > 100:
        raise FormatError(f"{where}: no counts by name")
    return {str(name): whole(count, MOST_COUNTED, where) for name, count in data.items()}


def order_of_dims(data: Any, ndim: int, where: str) -> tuple[int, ...]:
    """`data`, if it names each of `ndim` dims once."""
    order = tuple(whole(n, 64, where) for n in listed(data, where, 64))
    if sorted(order) != list(range(ndim)):
        raise FormatError(f"{where}: {order} does not name each of {ndim} dims once")
    return order


def dense_strides(shape: tuple[int, ...], order: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The steps of a dense array with the dims `order` from the longest step to the shortest."""
    found, step = [0] * len(shape), itemsize
    for dim in reversed(order):
        found[dim] = step
        step *= shape[dim]
    return tuple(found)


def structure(data: Any, where: str, depth: int = 0) -> Structure:
    """How tensors are nested, as `structure_to_data` told."""
    if not isinstance(data, dict) or depth > 20:
        raise FormatError(f"{where}: how inputs and outputs are nested is not told")
    kind = data.get("is")
    if kind == "tensor" and set(data) == {"is"}:
        return Leaf()
    if kind == "value" and set(data) == {"is", "value", "kind"} and _is_plain(data["value"], data["kind"]):
        return Plain(data["value"], type(data["value"]))
    if isinstance(kind, str) and kind in KINDS and set(data) == {"is", "keys", "parts"}:
        parts = tuple(structure(part, where, depth + 1) for part in listed(data["parts"], where, 10_000))
        keys = None if data["keys"] is None else tuple(listed(data["keys"], where, 10_000))
        named = issubclass(KINDS[kind], dict)
        if named == (keys is not None) and (keys is None or (len(keys) == len(parts) and all(map(_is_text, keys)))):
            return Group(KINDS[kind], keys, parts)
    raise FormatError(f"{where}: how inputs and outputs are nested is not told")


def leaves(structure: Structure) -> int:
    """How many tensors a structure holds."""
    return (
        1 if isinstance(structure, Leaf) else sum(map(leaves, structure.parts)) if isinstance(structure, Group) else 0
    )


def _is_plain(value: Any, kind: Any) -> bool:
    return isinstance(kind, str) and type(value) is _PLAIN.get(kind)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
