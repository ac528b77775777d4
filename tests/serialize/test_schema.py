"""The small checker agrees with the jsonschema package on the bundle's schema."""

from __future__ import annotations

import copy
import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtorch.errors import ConfigError, SchemaError
from medtorch.serialize import DEFAULT_LIMITS
from medtorch.serialize.jsontext import parse_json
from medtorch.serialize.manifest import SCHEMA, pack_manifest, parse_manifest
from medtorch.serialize.schema import check_schema
from tests.serialize.bundles import manifest

pytestmark = pytest.mark.requirement("REQ-F-BUN-001")

VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PLAIN = json.loads(pack_manifest(manifest(), "x"))
WORDS = ["", " ", "a", "A-b_1.2", "float32", "x" * 200]
JUNK = st.sampled_from(
    [None, True, False, 0, 1, -1, 1.0, 2.5, *WORDS, [], [1], ["a", "a"], [None], {}, {"op": "x"}, {"a": 1}]
)


def agree(value) -> bool:
    """Whether the value follows the schema, after asking both."""
    try:
        check_schema(value, SCHEMA, "x")
        ours = True
    except SchemaError:
        ours = False
    assert ours == VALIDATOR.is_valid(value), list(VALIDATOR.iter_errors(value))[:2]
    return ours


def places(value, path=()):
    """Every path in nested JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert agree(PLAIN)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_both_agree_on_changed_manifests(data):
    value = copy.deepcopy(PLAIN)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path in places(value) if path]))
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        kind = data.draw(st.sampled_from(["set", "delete", "add"]))
        if kind == "delete":
            del parent[path[-1]]
        elif kind == "add" and isinstance(parent, dict):
            parent[data.draw(st.sampled_from(["extra", "description", "../x", "op", "url"]))] = data.draw(JUNK)
        else:
            parent[path[-1]] = data.draw(JUNK)
    agree(value)


@pytest.mark.parametrize("path", [path for path in places(PLAIN) if path and path[-1] not in ("arguments",)], ids=str)
def test_both_agree_when_any_one_place_is_missing_or_null(path):
    for change in ("delete", "null"):
        value = copy.deepcopy(PLAIN)
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        if change == "delete":
            del parent[path[-1]]
        else:
            parent[path[-1]] = None
        agree(value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "../evil"}, r"^x: \$.name is '../evil', expected text like "),
        ({"task": "magic"}, r"^x: \$.task is 'magic', expected one of 'classification', "),
        ({"format_version": 2}, r"^x: \$.format_version is 2, expected 1$"),
        ({"format_version": True}, r"^x: \$.format_version is True, expected 1$"),
        ({"extra": 1}, r"^x: \$ has an unknown 'extra'$"),
        ({"labels": ["a", "a"]}, r"^x: \$.labels has an item twice$"),
        ({"labels": [3]}, r"^x: \$.labels\[0\] is 3, expected string$"),
        ({"preprocessing": [{"size": 3}]}, r"^x: \$.preprocessing\[0\] has no 'op'$"),
        ({"preprocessing": [{"op": "os.system"}]}, r"^x: \$.preprocessing\[0\].op is 'os.system', expected text like"),
        ({"intended_use": "  "}, r"^x: \$.intended_use is '  ', expected text like"),
        ({"inputs": []}, r"^x: \$.inputs has 0 items, expected at least 1$"),
        ({"labels": 3, "task": 4}, r"\n  and 1 more problems$"),
        ({"files": {"../x": {"sha256": "0" * 64, "bytes": 1}}}, r"\$.files"),
    ],
)
def test_the_message_names_the_place(change, words):
    with pytest.raises(SchemaError, match=words):
        check_schema({**PLAIN, **change}, SCHEMA, "x")


def test_a_keyword_that_the_checker_does_not_know_is_an_error():
    with pytest.raises(ConfigError, match=r"^schema keyword 'oneOf' at \$ is not known to this checker$"):
        check_schema(3, {"oneOf": [{"type": "integer"}]}, "x")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda data: data["inputs"][0].update(axes="NCH"), r"\$.inputs\[0\] has 3 axes and 4 sizes$"),
        (lambda data: data["inputs"][0].update(value_range=[1, 0]), r"\$.inputs\[0\].value_range is empty: \(1, 0\)$"),
        (lambda data: data["golden"]["cases"][0].update(inputs=["nothing"]), r"golden.cases do not use each of"),
        (lambda data: data["golden"]["cases"].append(data["golden"]["cases"][0]), r"golden.cases do not use each of"),
        (lambda data: data["inputs"].append(data["inputs"][0]), r"another number of inputs than \$.inputs$"),
        (
            lambda data: data["files"].update({"bundle.json": {"sha256": "0" * 64, "bytes": 1}}),
            r"cannot hold its own digest",
        ),
        (lambda data: data["licence"].update(file="NO.txt"), r"\$.licence.file 'NO.txt' is not among \$.files$"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(edit, words):
    data = copy.deepcopy(PLAIN)
    edit(data)
    with pytest.raises(SchemaError, match=words):
        parse_manifest(json.dumps(data).encode(), "x", DEFAULT_LIMITS)


def test_a_manifest_comes_back_as_it_was():
    raw = pack_manifest(manifest(), "x")
    assert parse_manifest(raw, "x", DEFAULT_LIMITS) == manifest()
    assert parse_json(raw, "x", DEFAULT_LIMITS) == PLAIN
