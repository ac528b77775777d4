"""Two fake CUDA devices; and the real ones where there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from medtorch.core import backends
from medtorch.core.backends.cuda import door
from medtorch.core.devices import CURRENT
from tests.core.backends.cuda.fake_cupy import FakeCupy


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], Any]]:
    """Put a stand-in behind the door to CuPy."""

    def put(module: Any) -> Any:
        backends._cuda.cache_clear()
        monkeypatch.setattr(door, "cupy", lambda: module)
        return module

    yield put
    backends._cuda.cache_clear()
    CURRENT.cuda = 0


@pytest.fixture
def two_devices(install: Callable[[Any], Any]) -> Any:
    return install(FakeCupy(2))
