"""Bounds are positive whole numbers, and the message names the bound that was passed."""

from __future__ import annotations

import dataclasses

import pytest

from medtorch.errors import ArgumentError, LimitError
from medtorch.serialize import DEFAULT_LIMITS, Limits

pytestmark = pytest.mark.requirement("REQ-S-SEC-003")


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "9"])
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Limits)])
def test_a_bound_that_is_no_positive_whole_number_is_refused(name, value):
    with pytest.raises(ArgumentError, match=rf"^Limits: {name} must be a positive whole number, got "):
        Limits(**{name: value})


def test_a_nesting_that_python_cannot_follow_is_refused():
    with pytest.raises(ArgumentError, match=r"^Limits: nesting can be 200 at most, got 201$"):
        Limits(nesting=201)


def test_holding_names_the_bound_and_both_numbers():
    DEFAULT_LIMITS.hold("dims", 32, "dims of x")
    with pytest.raises(LimitError, match=r"^dims of x: 33 is more than the limit of 32 \(Limits.dims\)$"):
        DEFAULT_LIMITS.hold("dims", 33, "dims of x")


def test_limits_cannot_be_changed_once_made():
    with pytest.raises(dataclasses.FrozenInstanceError, match="dims"):
        DEFAULT_LIMITS.dims = 1
