"""YAML without its surprises: no duplicate keys, no aliases, no dates or versions guessed from text, no objects.

`2.10` without quotes is the number 2.1 and `2026-11-20` a date object: both lose what was written, so both are refused
and the writer is asked for quotes. Only true/false are booleans (not yes/no/on/off), and only plain integers and
decimals are numbers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from validation.errors import RecordError

LIMIT_BYTES = 8 << 20
VERSION_KEYS = frozenset({"version", "versions", "python", "medtorch", "replaces_version"})
_DATE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}")


class _Loader(yaml.SafeLoader):
    """SafeLoader that resolves only null, true/false, integers and decimals, and refuses the rest of YAML's magic."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  the base class's shape

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _problem(event.start_mark, "aliases are not allowed: write the value out")
        if getattr(event, "anchor", None) is not None:
            raise _problem(event.start_mark, "anchors are not allowed: write the value out")
        if getattr(event, "tag", None) is not None:
            raise _problem(event.start_mark, f"tags are not allowed: {event.tag}")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _problem(key_node.start_mark, f"keys are text; write quotes around {key_node.value!r}")
            if key in seen:
                raise _problem(key_node.start_mark, f"the key {key!r} stands twice")
            if key in VERSION_KEYS:
                _refuse_number(key, value_node)
            seen[key] = self.construct_object(value_node, deep=deep)
        return seen

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        if node.tag == "tag:yaml.org,2002:str" and getattr(node, "style", None) is None and _DATE.match(node.value):
            raise _problem(node.start_mark, f"write quotes around the date {node.value}")
        return super().construct_scalar(node)


_RESOLVERS = (
    ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"]),
    ("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), list("-0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?$"),
        list("-0123456789"),
    ),
)
for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)


def load_yaml(path: Path) -> Any:
    """The data of a YAML file.

    Raises    RecordError naming file and line for whatever this reader does not take
    Requires  REQ-F-VAL-002
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path.name}: cannot be read: {error.strerror}") from error
    if len(raw) > LIMIT_BYTES:
        raise RecordError(f"{path.name}: {len(raw)} bytes, more than {LIMIT_BYTES}")
    try:
        return parse_yaml(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RecordError(f"{path.name}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    except RecordError as error:
        raise RecordError(f"{path.name}: {error}") from error


def parse_yaml(text: str) -> Any:
    """The data of a YAML text. Raises RecordError."""
    try:
        return _Loader(text).get_single_data()
    except yaml.YAMLError as error:
        raise RecordError(_one_line(error)) from error
    except RecursionError as error:
        raise RecordError("nested too deeply") from error


def dump_yaml(data: Any) -> str:
    """YAML text that `parse_yaml` reads back as the same data; keys in the order given."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118)


class _Dumper(yaml.SafeDumper):
    """SafeDumper that indents lists and never writes an alias."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, _pattern, _first in _RESOLVERS:  # so that text which the reader would take for a number is quoted
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)


def _refuse_number(key: str, node: yaml.Node) -> None:
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for item in items:
        if isinstance(item, yaml.ScalarNode) and item.tag.endswith((":int", ":float")):
            raise _problem(item.start_mark, f"{key} is text; write quotes around {item.value}")


def _problem(mark: Any, message: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=mark)


def _one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())
