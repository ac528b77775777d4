"""The one door to PyYAML, and descriptions read strictly from YAML or JSON files."""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType
from typing import Any

from medtorch.errors import ConfigError, LoadError, MissingDependencyError
from medtorch.serialize.jsontext import parse_json
from medtorch.serialize.limits import DEFAULT_LIMITS

_MOST_BYTES = 1 << 20


def read_description(path: Path) -> Any:
    """The plain data of a .yaml, .yml or .json file: no tags, no key twice.

    Raises    ConfigError naming the file and, where known, the line; MissingDependencyError for YAML without PyYAML
    """
    raw = _bytes(path)
    if path.suffix == ".json":
        try:
            return parse_json(raw, str(path), DEFAULT_LIMITS)
        except LoadError as error:
            raise ConfigError(str(error)) from error
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{path}: a description is a .yaml, .yml or .json file")
    return _parse_yaml(raw, path)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > _MOST_BYTES:
        raise ConfigError(f"{path}: more than {_MOST_BYTES} bytes, no description")
    return raw


def _parse_yaml(raw: bytes, path: Path) -> Any:
    yaml = _yaml()
    try:
        return yaml.load(raw.decode("utf-8"), Loader=_strict_loader())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: not YAML: {_in_one_line(error)}") from error


def _in_one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error) or type(error).__name__
    return problem if mark is None else f"{problem} at line {mark.line + 1}, column {mark.column + 1}"


@functools.cache
def _yaml() -> ModuleType:
    try:
        import yaml  # noqa: PLC0415  optional: only who reads YAML needs it
    except ImportError as error:
        raise MissingDependencyError("pyyaml", extra="train") from error
    return yaml


@functools.cache
def _strict_loader() -> Any:
    yaml = _yaml()

    class Strict(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        """SafeLoader that refuses a key given twice, and aliases, whose expansion has no bound."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                event = self.peek_event()
                raise yaml.composer.ComposerError(None, None, "aliases are not taken", event.start_mark)
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if not isinstance(key, str):
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key!r} is no text", key_node.start_mark
                    )
                if key in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} twice", key_node.start_mark)
                seen.add(key)
            return super().construct_mapping(node, deep)

    return Strict
