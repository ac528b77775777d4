"""Tries all falsifiers of a session in one process of its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.falsifiers.trials import try_faults


@pytest.fixture(scope="session")
def trials(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each falsifier of this session saw, by node id."""
    faults = {
        item.nodeid: item.function.fault
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item.function, "fault")
    }
    return try_faults(request.config.rootpath, tmp_path_factory.mktemp("faults"), faults)
