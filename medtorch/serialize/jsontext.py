"""JSON read strictly: UTF-8, no key twice, no NaN or infinity, bounded in size and depth.

Source    RFC 8259
Requires  REQ-S-SEC-007
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from medtorch.errors import FormatError, LimitError, SchemaError
from medtorch.serialize.limits import Limits

_DIGITS = 30  # of a whole number; 64 bits have 20


def parse_json(raw: bytes, name: str, limits: Limits) -> Any:
    """The value that JSON text describes; raises FormatError, LimitError, both naming `name`."""
    limits.hold("json_bytes", len(raw), f"{name}: bytes of JSON")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{name}: not UTF-8: {error.reason} at byte {error.start}") from error
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
    except json.JSONDecodeError as error:
        raise FormatError(f"{name}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except _NotStrictError as error:
        raise FormatError(f"{name}: {error}") from error
    except RecursionError as error:
        raise _too_deep(name, limits) from error
    _check_depth(value, name, limits)
    return value


def write_json(value: Any) -> str:
    """JSON text that reads well and is always the same for the same value: sorted keys, two spaces, a newline."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False) + "\n"


def plain_json(value: Any, name: str, path: str) -> Any:
    """A value as JSON will give it back: tuples are lists. Raises SchemaError, naming the path, for anything else."""
    if value is None or type(value) in (str, bool, int):
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, (list, tuple)):
        return [plain_json(item, name, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping) and all(type(key) is str for key in value):
        return {key: plain_json(item, name, f"{path}.{key}") for key, item in value.items()}
    raise SchemaError(f"{name}: {path} cannot be written as JSON: {value!r}"[:300])


class _NotStrictError(ValueError):
    """JSON that Python reads and this reader does not."""


def _check_depth(value: Any, name: str, limits: Limits) -> None:
    level = [value]
    for _ in range(limits.nesting):
        level = [item for parent in level for item in _children(parent)]
    if any(type(item) in (dict, list) for item in level):
        raise _too_deep(name, limits)


def _children(value: Any) -> list[Any]:
    if type(value) is dict:
        return list(value.values())
    return value if type(value) is list else []


def _too_deep(name: str, limits: Limits) -> LimitError:
    return LimitError(f"{name}: JSON nested deeper than the limit of {limits.nesting} (Limits.nesting)")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _NotStrictError(f"key {twice[:80]!r} stands twice in one object")
    return result


def _constant(text: str) -> NoReturn:
    raise _NotStrictError(f"{text} is no number of JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NotStrictError(f"the number {text[:40]} is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise _NotStrictError(f"a whole number of {len(text)} digits")
    return int(text)
