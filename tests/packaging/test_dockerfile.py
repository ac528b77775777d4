"""The Dockerfile read as text: what must hold of every image, checked where no engine is at hand."""

from __future__ import annotations

import re

import pytest

from scripts.image.context import SOURCES
from tests.packaging.commands import ROOT

pytestmark = pytest.mark.requirement("REQ-F-INS-009")

TEXT = (ROOT / "Dockerfile").read_text()


def stages() -> dict[str, str]:
    """Each stage's own lines, with continued lines joined and comments left out."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.M)).splitlines()
    found: dict[str, str] = {}
    for line in lines:
        if start := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            name = start[2]
            found[name] = ""
        if found:
            found[name] += line + "\n"
    return found


def test_the_base_image_is_an_argument():
    assert re.search(r"^ARG BASE_IMAGE=\S+\n", TEXT, re.M)
    assert stages()["runtime"].startswith("FROM ${BASE_IMAGE} AS runtime")


def test_no_line_asks_the_network_for_a_frontend_or_a_file():
    assert not re.search(r"^#\s*syntax\s*=", TEXT, re.M)
    assert not re.search(r"https?://|apt-get|apk |curl|wget", TEXT)


def test_every_distribution_is_installed_by_digest_from_the_wheelhouse():
    installs = re.findall(r"(?:\$pip|install) .*-r /requirements/\S+", "\n".join(stages().values()))
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)
    assert "PIP_NO_INDEX=1" in stages()["deps"]


def test_the_final_image_is_the_validated_runtime_and_its_report():
    assert stages()["final"].strip().splitlines() == [
        "FROM runtime AS final",
        "COPY --from=gate /evidence/report/ /opt/evidence/",
        "COPY signatures/ /opt/evidence/signatures/",
        "ENV MEDTORCH_EVIDENCE=/opt/evidence",
    ]
    assert list(stages())[-1] == "final"
    assert stages()["validate"].startswith("FROM runtime AS validate")
    assert stages()["gate"].startswith("FROM validate AS gate")


def test_the_runtime_stage_runs_nothing_and_is_not_root():
    runtime = stages()["runtime"]
    assert "\nRUN" not in runtime
    assert re.findall(r"^USER (.*)$", runtime, re.M) == ["10001:10001"]
    assert not re.search(r"tests|validation|/opt/tools", runtime)


def test_the_tests_run_as_the_user_that_the_service_runs_as():
    validate = stages()["validate"]
    before_the_run = validate[: validate.index("python -m validation run")]
    assert re.findall(r"^USER (.*)$", before_the_run, re.M)[-1] == "10001:10001"


def test_only_pass_and_incomplete_go_on():
    assert re.search(r'case "\$code" in 0\|2\) ;; \*\) .*exit 1', stages()["gate"])


def test_the_labels_name_what_the_image_is():
    labels = set(re.findall(r"org\.opencontainers\.image\.([a-z.]+)=", stages()["runtime"]))
    assert labels == {"title", "description", "version", "revision", "licenses", "base.name"}


def test_medtorch_comes_as_a_wheel_and_never_as_sources():
    assert "medtorch" not in SOURCES
    assert re.findall(r"^COPY .*(medtorch).*$", "".join(stages().values()), re.M) == ["medtorch"]  # the installed tree
    assert "COPY --from=deps /opt/medtorch /opt/medtorch" in stages()["runtime"]


def test_the_image_carries_the_report_that_was_taken_out():
    assert "sha256sum --check" in stages()["gate"]
    assert "REPORT_SHA256" in stages()["gate"]
