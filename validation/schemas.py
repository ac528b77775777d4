"""JSON Schemas (draft 2020-12) of every file the validation system reads or writes."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from validation.findings import Finding


@cache
def schema(name: str) -> dict[str, Any]:
    """The schema `validation/schema/<name>.schema.json`."""
    text = resources.files("validation").joinpath("schema", f"{name}.schema.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    Draft202012Validator.check_schema(data)
    return data


def schema_findings(rule: str, where: str, data: Any, schema_name: str) -> list[Finding]:
    """One finding for each place at which the data do not follow the schema."""
    validator = Draft202012Validator(schema(schema_name), format_checker=FormatChecker())
    problems = sorted(validator.iter_errors(data), key=lambda problem: list(map(str, problem.absolute_path)))
    return [Finding(rule, _place(where, problem.absolute_path), _shorten(problem.message)) for problem in problems]


def _place(where: str, path: Any) -> str:
    return where + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _shorten(message: str, limit: int = 300) -> str:
    return message if len(message) <= limit else message[: limit - 4] + " ..."
