"""What the tests of metrics share."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def needs_sklearn(needs: Callable[[str], None]) -> ModuleType:
    """scikit-learn's metrics, as a second opinion; no expectation rests on it alone."""
    needs("package:sklearn")
    return importlib.import_module("sklearn.metrics")


@pytest.fixture
def needs_scipy_stats(needs: Callable[[str], None]) -> ModuleType:
    """scipy's bootstrap, as a second opinion."""
    needs("package:scipy")
    return importlib.import_module("scipy.stats")
