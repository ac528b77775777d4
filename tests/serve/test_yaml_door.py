"""Descriptions from files."""

from __future__ import annotations

import pytest

from medtorch.errors import ConfigError
from medtorch.serve.yaml_door import read_description

pytestmark = pytest.mark.requirement("REQ-F-TRN-001")


def test_yaml_and_json_say_the_same(tmp_path):
    (tmp_path / "a.yaml").write_text("a: [1, 2.5, x]\nb: {c: null}\n")
    (tmp_path / "a.json").write_text('{"a": [1, 2.5, "x"], "b": {"c": null}}')
    assert (
        read_description(tmp_path / "a.yaml")
        == read_description(tmp_path / "a.json")
        == {"a": [1, 2.5, "x"], "b": {"c": None}}
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "a: 1\nb: 2\na: 3\n", r"a.yaml: not YAML: the key 'a' twice at line 3, column 1$"),
        ("a.yaml", "a: &x [1]\nb: *x\n", r"a.yaml: not YAML: aliases are not taken at line 2, column 4$"),
        ("a.yaml", "a: [1\n", r"a.yaml: not YAML: .* at line 2, column 1$"),
        (
            "a.yaml",
            "!!python/object/apply:os.system ['true']\n",
            r"a.yaml: not YAML: could not determine a constructor",
        ),
        ("a.yaml", "1: x\n", r"a.yaml: not YAML: the key 1 is no text at line 1, column 1$"),
        ("a.json", '{"a": 1, "a": 2}', r"a.json: "),
        ("a.json", "{", r"a.json: not JSON"),
        ("a.toml", "", r"a.toml: a description is a .yaml, .yml or .json file$"),
    ],
)
def test_what_is_not_plain_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_description(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml: cannot be read: No such file or directory$"):
        read_description(tmp_path / "none.yaml")


def test_a_huge_file_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"a" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match=r"a.yaml: more than 1048576 bytes, no description$"):
        read_description(tmp_path / "a.yaml")
