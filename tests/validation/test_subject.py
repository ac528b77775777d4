"""The validation system as the subject of its own report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.validation.project import Project
from validation.pdf import render_pdf
from validation.report import FILES
from validation.request import tool
from validation.services import read_service, scope
from validation.trace_rules import load_trace
from validation.verify import verify

pytestmark = pytest.mark.requirement("REQ-F-VAL-025")

ROOT = Path(__file__).resolve().parents[2]
# Shown by the report of a service, with its bundle and its data.
OF_SERVICES = {"REQ-F-VAL-014", "REQ-F-VAL-015"}


@pytest.fixture
def own(project: Project) -> Project:
    """A checkout in which the service `good` is the tool."""
    project.service("good", kind="tool", bundle=None)
    return project


def test_its_service_file_takes_in_every_requirement_on_validation():
    service, trace = read_service(ROOT / "validation/services/validation-system.yaml"), load_trace(ROOT)
    wanted = {entry.id for entry in trace.live() if entry.id.split("-")[2] == "VAL"} - OF_SERVICES
    assert {entry.id for entry in scope(service, trace)} == wanted
    assert (service.kind, service.bundle, service.exclusions()) == ("tool", None, {})


def test_the_report_names_the_tool_and_each_of_its_files(own: Project):
    code, report = own.run("good", "--sha256", tool()["sha256"])
    subject = report["core"]["bundle"]
    assert (code, report["core"]["evaluation"]["verdict"]) == (0, "PASS")
    assert (subject["sha256"], subject["facts"]["name"]) == (tool()["sha256"], "medtorch validation")
    assert {
        "subject.py",
        "verify_standalone.py",
        "clauses.yaml",
        "schema/service.schema.json",
        "templates/report.html",
    } <= {file["path"] for file in subject["files"]}


def test_another_tool_than_was_expected_is_a_fail(own: Project):
    code, report = own.run("good", "--sha256", "0" * 64)
    errors = [entry["rule"] for entry in report["core"]["given_findings"] if entry["severity"] == "error"]
    assert (code, errors) == (1, ["V05"])


def test_a_tool_that_nobody_expected_is_no_pass(own: Project):
    code, report = own.run()
    assert code == 2
    assert "V06" in [entry["rule"] for entry in report["core"]["given_findings"]]


def test_the_report_takes_every_form_and_holds_for_both_verifiers(own: Project):
    own.run("good", "--sha256", tool()["sha256"])
    assert {path.name for path in own.out.iterdir()} == {*FILES, "digests.json"}
    assert render_pdf(verify(own.out)).startswith(b"%PDF")
    parts = json.loads((own.out / "sbom.cdx.json").read_text())["components"]
    assert [part["name"] for part in parts if part["type"] == "application"] == ["medtorch validation"]
    assert "<h2>The tool</h2>" in (own.out / "report.html").read_text()
    alone = [sys.executable, "-I", str(ROOT / "validation/verify_standalone.py"), str(own.out)]
    said = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout.split()[0]) == (0, "PASS:")


def test_a_bundle_is_refused(own: Project, capsys: pytest.CaptureFixture[str]):
    assert own.command("run", "--service", "good", "--out", str(own.out), "--bundle", "bundle") == 4
    assert "good is the validation system itself and has no bundle" in capsys.readouterr().err
