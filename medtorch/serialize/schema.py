"""A checker for the part of JSON Schema that bundle.schema.json uses; any other keyword in a schema is an error.

The runtime has only NumPy, so that the jsonschema package is a second opinion in the tests and not a dependency here.

Source    JSON Schema draft 2020-12, Validation
Requires  REQ-F-BUN-001
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from medtorch.errors import ConfigError, SchemaError

Schema = dict[str, Any]
_Rule = Callable[[Any, Any, Schema, Schema, str], Iterator[str]]

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
}


def check_schema(value: Any, schema: Schema, name: str) -> None:
    """Raise SchemaError, naming the first place that does not follow the schema and how many more there are."""
    problems = list(_problems(value, schema, schema, "$"))
    if problems:
        more = f"\n  and {len(problems) - 1} more problems" if len(problems) > 1 else ""
        raise SchemaError(f"{name}: {problems[0]}{more}")


def _problems(value: Any, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    for keyword, argument in schema.items():
        if keyword in _NOTES:
            continue
        if keyword not in _RULES:
            raise ConfigError(f"schema keyword {keyword!r} at {path} is not known to this checker")
        yield from _RULES[keyword](value, argument, schema, root, path)


def _ref(value: Any, argument: str, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    yield from _problems(value, root["$defs"][argument.removeprefix("#/$defs/")], root, path)


def _type(value: Any, argument: str | list[str], schema: Schema, root: Schema, path: str) -> Iterator[str]:
    wanted = [argument] if isinstance(argument, str) else argument
    if not any(_TYPES[kind](value) for kind in wanted):
        yield f"{path} is {_shown(value)}, expected {' or '.join(wanted)}"


def _const(value: Any, argument: Any, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if not _same(value, argument):
        yield f"{path} is {_shown(value)}, expected {_shown(argument)}"


def _enum(value: Any, argument: list[Any], schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if not any(_same(value, choice) for choice in argument):
        yield f"{path} is {_shown(value)}, expected one of {', '.join(map(_shown, argument))}"


def _required(value: Any, argument: list[str], schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{path} has no {name!r}" for name in argument if name not in value)


def _properties(value: Any, argument: Schema, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in argument.items():
            if name in value:
                yield from _problems(value[name], part, root, f"{path}.{name}")


def _additional(value: Any, argument: Any, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for name in value:
        if name in schema.get("properties", {}):
            continue
        if argument is False:
            yield f"{path} has an unknown {_shown(name)}"
        else:
            yield from _problems(value[name], argument, root, f"{path}.{name}")


def _property_names(value: Any, argument: Schema, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in value:
            yield from _problems(name, argument, root, f"{path} (name {_shown(name)})")


def _items(value: Any, argument: Schema, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _problems(item, argument, root, f"{path}[{index}]")


def _min_items(value: Any, argument: int, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if isinstance(value, list) and len(value) < argument:
        yield f"{path} has {len(value)} items, expected at least {argument}"


def _max_items(value: Any, argument: int, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if isinstance(value, list) and len(value) > argument:
        yield f"{path} has {len(value)} items, expected at most {argument}"


def _unique_items(value: Any, argument: bool, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if argument and isinstance(value, list):
        texts = [item for item in value if isinstance(item, str)]
        others = [item for item in value if not isinstance(item, str)]
        twice = len(set(texts)) < len(texts) or any(
            _same(one, other) for at, one in enumerate(others) for other in others[:at]
        )
        if twice:
            yield f"{path} has an item twice"


def _pattern(value: Any, argument: str, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if isinstance(value, str) and not re.search(argument, value):
        yield f"{path} is {_shown(value)}, expected text like {argument}"


def _max_length(value: Any, argument: int, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if isinstance(value, str) and len(value) > argument:
        yield f"{path} has {len(value)} characters, expected at most {argument}"


def _minimum(value: Any, argument: float, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if _TYPES["number"](value) and value < argument:
        yield f"{path} is {_shown(value)}, expected at least {argument}"


def _exclusive_minimum(value: Any, argument: float, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    if _TYPES["number"](value) and value <= argument:
        yield f"{path} is {_shown(value)}, expected more than {argument}"


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _shown(value: Any) -> str:
    words = repr(value) if not isinstance(value, (dict, list)) else f"a {type(value).__name__}"
    return words if len(words) <= 80 else f"{words[:77]}..."


_NOTES = ("$schema", "$defs", "title", "description")
_RULES: dict[str, _Rule] = {
    "$ref": _ref,
    "type": _type,
    "const": _const,
    "enum": _enum,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "items": _items,
    "minItems": _min_items,
    "maxItems": _max_items,
    "uniqueItems": _unique_items,
    "pattern": _pattern,
    "maxLength": _max_length,
    "minimum": _minimum,
    "exclusiveMinimum": _exclusive_minimum,
}
