"""JSON read strictly and written canonically."""

from __future__ import annotations

import pytest

from medtorch.errors import FormatError, LimitError, SchemaError
from medtorch.serialize import DEFAULT_LIMITS, Limits
from medtorch.serialize.jsontext import parse_json, plain_json, write_json

pytestmark = pytest.mark.requirement("REQ-S-SEC-007")


def test_plain_json_is_read():
    text = b'{"a": [1, -2.5, true, null, "\\u00fc\\n"], "b": {}}'
    assert parse_json(text, "x", DEFAULT_LIMITS) == {"a": [1, -2.5, True, None, "ü\n"], "b": {}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", r"^x: not JSON: Expecting value at line 1, column 1$"),
        (b"{} {}", r"^x: not JSON: Extra data"),
        (b"{'a': 1}", r"^x: not JSON: Expecting property name"),
        (b"[1,]", r"^x: not JSON"),
        (b"\xef\xbb\xbf{}", r"^x: not JSON"),
        (b'"\xff"', r"^x: not UTF-8: invalid start byte at byte 1$"),
        (b'{"a": 1, "a": 2}', r"^x: key 'a' stands twice in one object$"),
        (b'[{"b": {"a": 1, "a": 1}}]', r"^x: key 'a' stands twice in one object$"),
        (b"NaN", r"^x: NaN is no number of JSON$"),
        (b"[-Infinity]", r"^x: -Infinity is no number of JSON$"),
        (b"[1e400]", r"^x: the number 1e400 is too large$"),
        (b"9" * 31, r"^x: a whole number of 31 digits$"),
        (b'"a\nb"', r"^x: not JSON: Invalid control character"),
    ],
)
def test_what_is_not_strict_json_is_refused(text, words):
    with pytest.raises(FormatError, match=words):
        parse_json(text, "x", DEFAULT_LIMITS)


@pytest.mark.parametrize("text", [b"[" * 65 + b"]" * 65, b"[" * 500_000, b'{"a":' * 200_000 + b"1"])
def test_deep_json_is_refused(text):
    with pytest.raises((LimitError, FormatError), match=r"nested deeper than the limit of 64|not JSON"):
        parse_json(text, "x", DEFAULT_LIMITS)


def test_depth_up_to_the_limit_is_read():
    assert parse_json(b"[" * 64 + b"]" * 64, "x", DEFAULT_LIMITS)
    with pytest.raises(LimitError, match=r"^x: JSON nested deeper than the limit of 2 \(Limits.nesting\)$"):
        parse_json(b"[[[]]]", "x", Limits(nesting=2))


def test_long_json_is_refused_before_it_is_parsed():
    with pytest.raises(LimitError, match=r"^x: bytes of JSON: 11 is more than the limit of 10 \(Limits.json_bytes\)$"):
        parse_json(b"not json at", "x", Limits(json_bytes=10))


def test_the_same_value_is_always_written_the_same():
    assert write_json({"b": [1, 2.5], "a": "ü"}) == '{\n  "a": "ü",\n  "b": [\n    1,\n    2.5\n  ]\n}\n'
    assert write_json({"a": "ü", "b": [1, 2.5]}) == write_json({"b": [1, 2.5], "a": "ü"})


def test_what_json_cannot_say_is_not_written():
    assert plain_json({"a": (1, (2.5, None))}, "x", "$") == {"a": [1, [2.5, None]]}
    for value, path in [
        ({"a": {1: 2}}, r"\$\.a"),
        ([float("nan")], r"\$\[0\]"),
        ({"a": [object()]}, r"\$\.a\[0\]"),
        (b"", r"\$"),
    ]:
        with pytest.raises(SchemaError, match=rf"^x: {path} cannot be written as JSON: "):
            plain_json(value, "x", "$")
