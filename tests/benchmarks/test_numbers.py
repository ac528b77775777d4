"""The statistics of the tables. Expected values were worked out by hand, or are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.numbers import Summary, geometric_mean, ratios, summary

pytestmark = pytest.mark.requirement("REQ-P-SPD-020")


def test_a_summary_has_the_median_and_the_quartiles():
    assert summary([4.0, 1.0, 3.0, 2.0]) == Summary(median=2.5, low=1.75, high=3.25, count=4)
    assert summary([7.0]) == Summary(7.0, 7.0, 7.0, 1)
    assert summary([1.0, 2.0, 4.0, 8.0, 16.0]).spread == pytest.approx(6 / 4)


def test_quartiles_are_numpys(rng):
    for count in (2, 5, 10, 31):
        samples = rng.exponential(size=count)
        low, middle, high = np.quantile(samples, (0.25, 0.5, 0.75))
        assert summary(samples.tolist()) == Summary(
            pytest.approx(middle), pytest.approx(low), pytest.approx(high), count
        )


def test_no_samples_have_no_summary():
    with pytest.raises(ValueError, match=r"^no samples$"):
        summary([])


def test_a_ratio_is_taken_within_each_round():
    # The machine was ten times slower in the second round, for both.
    assert ratios([[2.0, 2.0, 8.0], [30.0]], [[1.0], [10.0, 10.0]]) == [2.0, 3.0]


def test_rounds_must_pair_up():
    with pytest.raises(ValueError, match=r"^2 rounds beside 1$"):
        ratios([[1.0], [1.0]], [[1.0]])


def test_a_ratio_and_its_inverse_have_the_geometric_mean_one():
    assert geometric_mean([4.0, 0.25]) == pytest.approx(1.0, abs=1e-15)
    assert geometric_mean([1.0, 2.0, 4.0]) == pytest.approx(2.0, rel=1e-15)


@pytest.mark.parametrize("values", [[], [1.0, 0.0], [-1.0]])
def test_a_geometric_mean_needs_positive_values(values):
    with pytest.raises(ValueError, match=r"^a geometric mean needs positive values, got"):
        geometric_mean(values)
