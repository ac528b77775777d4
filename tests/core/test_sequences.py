"""Which rows belong to which time, for sequences that end at different times."""

from __future__ import annotations

import pytest

from medtorch.core.sequences import last_rows, steps

pytestmark = pytest.mark.requirement("REQ-F-NN-010")

SIZES = (3, 2, 2, 1)  # rows 0-2, 3-4, 5-6, 7


def test_forward_in_time_a_step_reads_the_rows_of_the_sequences_that_go_on():
    found = [(s.rows, s.before) for s in steps(SIZES, reverse=False)]
    assert found == [
        (slice(0, 3), slice(0, 0)),
        (slice(3, 5), slice(0, 2)),
        (slice(5, 7), slice(3, 5)),
        (slice(7, 8), slice(5, 6)),
    ]


def test_back_in_time_longer_sequences_run_first_and_others_join():
    found = [(s.size, s.joined, s.before) for s in steps(SIZES, reverse=True)]
    assert found == [(1, 0, slice(0, 0)), (2, 1, slice(7, 8)), (2, 2, slice(5, 7)), (3, 2, slice(3, 5))]


def test_the_last_row_of_each_sequence():
    assert last_rows(SIZES, reverse=False) == [7, 6, 2]
    assert last_rows(SIZES, reverse=True) == [0, 1, 2]
