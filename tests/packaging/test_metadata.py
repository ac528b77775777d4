"""pyproject.toml: what an install promises and pulls in."""

from __future__ import annotations

import re
import tomllib

import pytest

from medtorch._version import __version__
from tests.packaging.commands import ROOT

pytestmark = pytest.mark.requirement("REQ-F-INS-001")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_numpy_is_the_only_dependency():
    assert [re.split(r"[<>=~! ]", line)[0] for line in PROJECT["project"]["dependencies"]] == ["numpy"]


def test_python_3_11_is_the_oldest_that_is_accepted():
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_every_extra_of_the_design_is_there_and_cuda_is_never_pulled_in_unasked():
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(extras) >= {"imaging", "cuda", "bfloat16", "cli", "train", "validation", "dev", "all"}
    pulled = [name for name, lines in extras.items() if name != "cuda" and any("cupy" in line for line in lines)]
    assert pulled == []
    assert "cuda" not in extras["all"][0]


def test_the_version_is_stated_in_one_place():
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["dynamic-metadata"] == [
        {"provider": "scikit_build_core.metadata.regex", "field": "version", "input": "medtorch/_version.py"}
    ]
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


@pytest.mark.needs("checkout")
def test_the_changelog_has_the_version_that_is_built():
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.requirement("REQ-F-INS-008")
@pytest.mark.parametrize(("option", "value"), [("xfail_strict", True), ("empty_parameter_set_mark", "fail_at_collect")])
def test_pytest_lets_no_unproven_test_pass(option, value):
    options = PROJECT["tool"]["pytest"]["ini_options"]
    assert options[option] == value
    assert {"--strict-markers", "--strict-config"} <= set(options["addopts"])


@pytest.mark.requirement("REQ-F-INS-006")
@pytest.mark.parametrize("lock", ["image-build", "image", "image-validate"])
def test_what_goes_into_an_image_is_pinned_with_digests(lock):
    text = (ROOT / f"requirements/{lock}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    shape = r"[a-z0-9-]+==[0-9][0-9a-z.]*(\s+--hash=sha256:[0-9a-f]{64})+"
    assert lines
    assert [line for line in lines if not re.fullmatch(shape, line)] == []


@pytest.mark.requirement("REQ-F-INS-006")
def test_checkout_and_images_have_the_same_versions():
    checkout = set(re.findall(r"^([a-z0-9-]+==\S+)", (ROOT / "requirements/constraints.txt").read_text(), re.M))
    image = set(re.findall(r"^([a-z0-9-]+==\S+)", (ROOT / "requirements/image.txt").read_text(), re.M))
    assert len(image) >= 2
    assert image <= checkout
