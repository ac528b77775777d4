"""Descriptions read key by key."""

from __future__ import annotations

import pytest

from medtorch.errors import ConfigError
from medtorch.serve.section import Section

pytestmark = pytest.mark.requirement("REQ-F-TRN-001")


def section(**values):
    return Section(values, "top")


def test_values_of_every_kind_are_given_back():
    part = section(text="a", number=2, whole=3, flag=True, texts=["x", "y"], pick="b", inner={"k": 1}, parts=[1, "a"])
    assert part.text("text") == "a"
    assert part.number("number") == 2.0
    assert isinstance(part.number("number"), float)
    assert part.whole("whole") == 3
    assert part.flag("flag") is True
    assert part.texts("texts") == ("x", "y")
    assert part.choice("pick", ("a", "b")) == "b"
    assert part.section("inner").whole("k") == 1
    assert part.listing("parts") == [1, "a"]
    part.done()


def test_defaults_stand_for_what_is_left_out():
    assert section().whole("x", 7) == 7
    assert section(x=None).text("x", None) is None
    assert section().optional("x") is None


@pytest.mark.parametrize(
    ("values", "read", "message"),
    [
        ({"epoch": 3}, lambda s: s.whole("epochs"), r"^top: needs the key 'epochs' \(there is 'epoch'\)$"),
        ({"x": True}, lambda s: s.whole("x"), r"^top.x: must be a whole number of at least 0, not True$"),
        ({"x": 1.5}, lambda s: s.whole("x"), r"^top.x: must be a whole number of at least 0, not 1.5$"),
        ({"x": "1e-3"}, lambda s: s.number("x"), r"^top.x: must be a number, not '1e-3'$"),
        ({"x": 2}, lambda s: s.number("x", low=0, high=1), r"^top.x: must be a number from 0 to 1, not 2$"),
        ({"x": float("nan")}, lambda s: s.number("x"), r"^top.x: must be a number, not nan$"),
        ({"x": " "}, lambda s: s.text("x"), r"^top.x: must be a text, not ' '$"),
        ({"x": "c"}, lambda s: s.choice("x", ("a", "b")), r"^top.x: must be one of a, b, not 'c'$"),
        ({"x": "yes"}, lambda s: s.flag("x"), r"^top.x: must be true or false, not 'yes'$"),
        ({"x": ["a", 1]}, lambda s: s.texts("x"), r"^top.x: must be a list of texts, not \['a', 1\]$"),
        ({"x": 3}, lambda s: s.section("x"), r"^top.x: must be a mapping of names to values, not 3$"),
        ({"x": None}, lambda s: s.whole("x", 7), r"^top.x: must be a whole number of at least 0, not None$"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(values, read, message):
    with pytest.raises(ConfigError, match=message):
        read(section(**values))


def test_a_key_that_nobody_took_is_refused_with_the_nearest_known_one():
    part = section(learning_rat=1)
    part.number("learning_rate", 0.1)
    with pytest.raises(
        ConfigError, match=r"^top: unknown key 'learning_rat' \(known: learning_rate\); did you mean 'learning_rate'\?$"
    ):
        part.done()


def test_keys_must_be_text():
    with pytest.raises(ConfigError, match=r"^top: must be a mapping of names to values, not \{1: 2\}$"):
        Section({1: 2}, "top")
