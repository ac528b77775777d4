"""A bundle and the evidence for it, made once; each test attacks a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medtorch.serve.startup import checks
from medtorch.serve.startup.checks import DANGEROUS, Started, start
from tests.serve.bundles import classifier
from tests.serve.startup.evidence import Place


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("bundle") / "bundle"
    return path, classifier(path)


@pytest.fixture
def place(tmp_path: Path, bundle: tuple[Path, str], needs) -> Place:
    needs("package:cryptography")
    return Place(tmp_path, bundle[1])


@pytest.fixture
def starting(place: Place, bundle: tuple[Path, str], monkeypatch: pytest.MonkeyPatch):
    """Starts the service as in an image: nothing dangerous around, code that cannot be written to."""
    for name in DANGEROUS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(checks.os, "access", lambda path, mode: False)
    path = Path(shutil.copytree(bundle[0], place.folder / "bundle"))

    def begin(**options) -> Started:
        return start(path, place.evidence, place.trust, root=place.root, **options)

    return begin
