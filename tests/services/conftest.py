"""The bundle of the service that `python -m validation run` validates. In an ordinary run there is none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.services.dataset import Row, read_rows


@pytest.fixture
def bundle_path(needs: Callable[[str], None]) -> Path:
    needs("service_bundle")
    return Path(os.environ["MEDTORCH_SERVICE_BUNDLE"])


@pytest.fixture
def bundle_sha256(needs: Callable[[str], None]) -> str:
    needs("service_bundle")
    return os.environ["MEDTORCH_SERVICE_BUNDLE_SHA256"]


@pytest.fixture
def criteria(needs: Callable[[str], None]) -> list[dict[str, Any]]:
    """The acceptance criteria of the service file, as they stand in the plan."""
    needs("service_bundle")
    found: list[dict[str, Any]] = json.loads(os.environ["MEDTORCH_SERVICE_ACCEPTANCE"])
    return found


@pytest.fixture
def rows(criteria: list[dict[str, Any]]) -> list[Row]:
    """The images of the first acceptance criterion."""
    return read_rows(criteria[0])
