"""YAML that could be read in two ways is refused, naming the line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.errors import RecordError
from validation.strict_yaml import LIMIT_BYTES, dump_yaml, load_yaml, parse_yaml

pytestmark = pytest.mark.requirement("REQ-F-VAL-002")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", r"^line 3: the key 'a' stands twice$"),
        ("a:\n  b: 1\n  b: 2", r"^line 3: the key 'b' stands twice$"),
        ("a: &x 1\nb: *x", r"^line 1: anchors are not allowed"),
        ("a: 1\nb: *x", r"^line 2: aliases are not allowed"),
        ("<<: {a: 1}\n<<: {b: 1}", r"^line 2: the key '<<' stands twice$"),
        ("a: !!python/object/apply:os.system [id]", r"^line 1: tags are not allowed"),
        ("a: !!str 2", r"^line 1: tags are not allowed"),
        ("date: 2026-11-20", r"^line 1: write quotes around the date 2026-11-20$"),
        ("a: [2026-1-2]", r"^line 1: write quotes around the date 2026-1-2$"),
        ("version: 2.10", r"^line 1: version is text; write quotes around 2.10$"),
        ("versions: ['1.0', 1.7]", r"^line 1: versions is text; write quotes around 1.7$"),
        ("medtorch: 1", r"^line 1: medtorch is text; write quotes around 1$"),
        ("1: a", r"^line 1: keys are text; write quotes around '1'$"),
        ("true: a", r"^line 1: keys are text"),
        ("? [a]\n: b", r"^line 1: keys are text"),
        ("a: [", r"^line 1: expected the node content"),
        ("a: 1\n---\nb: 2", r"^line 2: but found another document$"),
        ("a: '\x07'", r"special characters are not allowed"),
        ("[" * 5000, r"nested too deeply"),
    ],
)
def test_ambiguous_yaml_is_refused_with_its_line(text, message):
    with pytest.raises(RecordError, match=message):
        parse_yaml(text)


def test_words_that_older_yaml_takes_for_booleans_or_numbers_stay_text():
    text = "a: yes\nb: off\nc: 0x1F\nd: 1_000\ne: 12:30:45\nf: 007\ng: .inf\nh: '2026-11-20'\ni: 1.\n"
    expected = {"a": "yes", "b": "off", "c": "0x1F", "d": "1_000", "e": "12:30:45", "f": "007", "g": ".inf"}
    assert parse_yaml(text) == {**expected, "h": "2026-11-20", "i": "1."}


def test_plain_numbers_booleans_and_null_are_what_they_look_like():
    expected = {"a": 1, "b": -2, "c": 1.5, "d": 1e-6, "e": True, "f": False, "g": None, "h": None}
    assert parse_yaml("a: 1\nb: -2\nc: 1.5\nd: 1.0e-6\ne: true\nf: false\ng: null\nh:") == expected


words = st.text("ab:-#'\"{}[],&*!|>%@ \n~01.eä", max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | words
    | st.sampled_from(["yes", "2026-11-20", "2.10", "null", "1e5", "007"])
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6
)


@settings(max_examples=100, deadline=None)
@given(trees)
def test_what_is_written_is_read_back(data):
    assert parse_yaml(dump_yaml({"root": data})) == {"root": data}


def test_dates_are_written_in_quotes():
    assert dump_yaml({"date": date(2026, 11, 20).isoformat()}) == "date: '2026-11-20'\n"


def test_an_error_names_the_file(tmp_path: Path):
    path = tmp_path / "some.yaml"
    path.write_text("a: 1\na: 2", encoding="utf-8")
    with pytest.raises(RecordError, match=r"^some\.yaml: line 2: the key 'a' stands twice$"):
        load_yaml(path)


def test_a_missing_a_binary_and_a_huge_file_are_refused_by_name(tmp_path: Path):
    with pytest.raises(RecordError, match=r"^absent\.yaml: cannot be read: No such file"):
        load_yaml(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff")
    with pytest.raises(RecordError, match=r"^binary\.yaml: not UTF-8 text: .* at byte 3$"):
        load_yaml(tmp_path / "binary.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * (LIMIT_BYTES + 1))
    with pytest.raises(RecordError, match=r"^huge\.yaml: 8388609 bytes, more than 8388608$"):
        load_yaml(tmp_path / "huge.yaml")
