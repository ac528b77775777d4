"""torch.random's names."""

from __future__ import annotations

import pytest

import medtorch
from medtorch.errors import UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-TEN-008")


def test_numbers_drawn_in_a_fork_leave_the_generator_where_it_was():
    medtorch.random.manual_seed(3)
    with medtorch.random.fork_rng():
        inside = medtorch.rand(2).tolist()
    assert medtorch.rand(2).tolist() == inside
    medtorch.random.manual_seed(3)
    with medtorch.random.fork_rng(enabled=False):
        medtorch.rand(2)
    assert medtorch.rand(2).tolist() != inside


def test_devices_have_no_streams_of_their_own():
    with pytest.raises(UnsupportedError, match=r"^fork_rng: devices: one stream"), medtorch.random.fork_rng(["cuda"]):
        pass
