"""Running a test function with and without a defect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medtorch.errors import MedtorchError

FAILURES = (AssertionError, MedtorchError, pytest.fail.Exception)


def is_noticed(test: Callable[[], Any], seed: Callable[[pytest.MonkeyPatch], Any]) -> bool:
    """Whether a test that holds without the defect fails with it. What it raises otherwise is raised here."""
    test()
    with pytest.MonkeyPatch.context() as patch:
        seed(patch)
        try:
            test()
        except FAILURES:
            return True
    return False
