"""A small checkout to validate, in an environment of two distributions: no test depends on what is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.validation.project import Project, environment_of
from validation.distributions import Installed


@pytest.fixture(autouse=True)
def no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests name services and bundles of their own; the one that is being validated must not reach them."""
    for name in (
        "MEDTORCH_SERVICE",
        "MEDTORCH_SERVICE_BUNDLE",
        "MEDTORCH_SERVICE_BUNDLE_SHA256",
        "MEDTORCH_SERVICE_ACCEPTANCE",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> list[Installed]:
    """The distributions that the tool finds installed; a test may change the list."""
    found = [
        Installed("Alpha", "1.0", "First", "MIT", "py3-none-any", "a" * 64, (), ()),
        Installed("Beta_Two", "2.10", "Second", "Apache-2.0", "py3-none-any", "b" * 64, (), ()),
    ]
    environment_of(monkeypatch, found)
    return found


@pytest.fixture
def project(tmp_path: Path, environment: list[Installed]) -> Project:
    made = Project(tmp_path / "checkout")
    made.record_everything(environment)
    return made


@pytest.fixture
def checked(project: Project, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[int, str]]:
    """Runs `check`: exit code and what it printed."""

    def check() -> tuple[int, str]:
        code = project.command("check")
        return code, capsys.readouterr().out

    return check
