"""A folder of discs that all tests of training read and none writes to."""

from __future__ import annotations

import pytest

from tests.training.small import write_discs


@pytest.fixture(scope="session")
def discs(tmp_path_factory):
    return write_discs(tmp_path_factory.mktemp("discs") / "data")
