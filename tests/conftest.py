"""Fixtures that every room's tests share. Markers and capabilities come from validation/plugin.py."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run and on every machine."""
    return np.random.Generator(np.random.PCG64(20240229))


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.needs("gpu"))])
def device(request: pytest.FixtureRequest) -> str:
    """Every kind of device; "cuda" is collected everywhere and not verified where there is none."""
    return str(request.param)


@pytest.fixture
def shared_data(needs: Callable[[str], None]) -> Path:
    """The folder of real images and third-party checkpoints that are not passed on with the project."""
    needs("shared_data")
    return Path(os.environ.get("MEDTORCH_SHARED", ROOT.parent / "shared")) / "data"


@pytest.fixture
def needs_torch(needs: Callable[[str], None]) -> ModuleType:
    """PyTorch, as a second opinion; no expectation rests on it alone."""
    needs("torch")
    return importlib.import_module("torch")
