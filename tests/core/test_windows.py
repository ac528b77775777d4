"""The geometry of windows, against counting them one by one."""

from __future__ import annotations

import itertools

import pytest

from medtorch.core import windows
from medtorch.errors import ArgumentError

pytestmark = pytest.mark.requirement("REQ-F-OPS-100")


def test_as_many_windows_are_counted_as_can_be_laid() -> None:
    for n, k, s, p, d in itertools.product(range(1, 9), range(1, 4), range(1, 4), range(3), range(1, 3)):
        starts = [a for a in range(-p, n + p, s) if a + d * (k - 1) < n + p]
        found = windows.window_outputs((n,), (k,), (s,), windows.both_sides((p,)), (d,))[0]
        assert max(found, 0) == len(starts), (n, k, s, p, d)


def test_a_transposed_convolution_gives_back_the_size() -> None:
    for n, k, s, p, d in itertools.product(range(1, 9), range(1, 4), range(1, 4), range(2), range(1, 3)):
        pads = windows.both_sides((p,))
        count = windows.window_outputs((n,), (k,), (s,), pads, (d,))
        if count[0] > 0:
            left = (n + 2 * p - windows.reach(k, d)) % s  # what no window reached
            assert windows.transposed_outputs(count, (k,), (s,), pads, (left,), (d,)) == (n,)


def test_same_padding_keeps_the_size_and_puts_the_odd_one_after() -> None:
    assert windows.same_padding((3, 4, 2), (1, 1, 3)) == ((1, 1), (1, 2), (1, 2))


def test_windows_in_the_padding_alone_are_found() -> None:
    assert windows.all_in_padding((1,), (2,), (1,), (1,), (2,), (1,))
    assert not windows.all_in_padding((3,), (2,), (1,), (1,), (2,), (3,))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, "must be a whole number or 2 of them, got 1.5"),
        (True, "must be a whole number"),
        ("x", "must be a whole number"),
        ((1, 2, 3), "needs 1 or 2 numbers"),
        (-1, "must be at least 0, got -1"),
    ],
)
def test_numbers_that_are_none_are_refused_by_name(value: object, text: str) -> None:
    with pytest.raises(ArgumentError, match=rf"^op: size {text}"):
        windows.numbers(value, 2, op="op", name="size", least=0)
