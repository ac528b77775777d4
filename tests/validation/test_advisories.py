"""Published vulnerabilities: which versions they hit, that none is passed over, what is handed on (OpenVEX, SBOM)."""

from __future__ import annotations

import json
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.validation.project import Project
from tests.validation.snapshots import advisory, write_snapshot
from validation.advisories.osv import read_snapshot
from validation.distributions import Installed
from validation.errors import UsageError

pytestmark = pytest.mark.requirement("REQ-F-VAL-016")

DAY = "2026-11-20"


def hits(tmp_path: Path, name: str, version: str, *advisories: dict[str, Any]) -> list[str]:
    snapshot = read_snapshot(write_snapshot(tmp_path / "all.zip", list(advisories)), DAY)
    return [hit.id for hit in snapshot.hits(name, version)]


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.7.0", ["GHSA-53q9-r3pm-6pq6", "PYSEC-2022-43015"]), ("2.2.1", ["GHSA-53q9-r3pm-6pq6"]), ("2.13.0", [])],
)
def test_the_versions_of_pytorch_that_services_used_before_are_found(tmp_path: Path, version, expected):
    snapshot = read_snapshot(write_snapshot(tmp_path / "all.zip"), DAY)
    assert [hit.id for hit in snapshot.hits("torch", version)] == expected


@pytest.mark.parametrize(
    ("version", "hit"),
    [
        ("0.9", False),
        ("1.0", True),
        ("1.9", True),
        ("1.10", True),
        ("2.0", False),
        ("2.0rc1", True),
        ("3.1", True),
        ("4", True),
    ],
)
def test_ranges_are_walked_by_version_not_by_text(tmp_path: Path, version, hit):
    events = [{"introduced": "3"}, {"fixed": "2.0"}, {"introduced": "1.0"}]
    found = hits(tmp_path, "alpha", version, advisory("A-1", "alpha", "0", None, "x", events=events))
    assert found == (["A-1"] if hit else [])


@pytest.mark.parametrize(("version", "hit"), [("1.4", True), ("1.5", True), ("1.5.1", False)])
def test_the_last_affected_version_is_affected(tmp_path: Path, version, hit):
    events = [{"introduced": "0"}, {"last_affected": "1.5"}]
    found = hits(tmp_path, "alpha", version, advisory("A-1", "alpha", "0", None, "x", events=events))
    assert found == (["A-1"] if hit else [])


def test_names_are_compared_as_indexes_do(tmp_path: Path):
    assert hits(tmp_path, "Alpha_Two", "1", advisory("A-1", "alpha.two", "0", None, "x")) == ["A-1"]


def test_listed_versions_count_beside_ranges(tmp_path: Path):
    one = advisory("A-1", "alpha", "5", None, "x", versions=["1.0"])
    assert hits(tmp_path, "alpha", "1.0", one) == ["A-1"]


def test_withdrawn_advisories_and_other_ecosystems_do_not_count(tmp_path: Path):
    gone = advisory("A-1", "alpha", "0", None, "x", withdrawn="2026-02-02T00:00:00Z")
    other = advisory("A-2", "alpha", "0", None, "x")
    other["affected"][0]["package"]["ecosystem"] = "npm"
    assert hits(tmp_path, "alpha", "1.0", gone, other) == []


def test_a_version_that_cannot_be_compared_is_a_hit_for_a_person_to_look_at(tmp_path: Path):
    assert hits(tmp_path, "alpha", "not-a-version", advisory("A-1", "alpha", "1", "2", "x")) == ["A-1"]


def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path):
    (tmp_path / "all.zip").write_text("no zip")
    with pytest.raises(UsageError, match="is no snapshot of advisories"):
        read_snapshot(tmp_path / "all.zip", DAY)


def test_a_snapshot_with_something_else_in_it_is_refused_by_name(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("A-1.json", "[]")
    with pytest.raises(UsageError, match=r"A-1\.json is no advisory"):
        read_snapshot(tmp_path / "all.zip", DAY).hits("alpha", "1")


# ---- in reports ----------------------------------------------------------------------------------------------


def evaluate(project: Project, **hit: Any) -> None:
    said = {
        "id": "CVE-1",
        "affects_use": False,
        "disposition": "not_affected",
        "rationale": "It is never called.",
        **hit,
    }
    source = {"name": "OSV", "retrieved": DAY, "query": "alpha", "snapshot_sha256": "0" * 64}
    evaluation = {
        "date": DAY,
        "reviewer": "JD-001, A. Reviewer",
        "versions": ["1.0"],
        "sources": [source],
        "hits": [said],
        "conclusion": "Looked at.",
    }
    project.record("alpha", "Alpha", "1.0", evaluations=[evaluation])


@pytest.fixture
def snapshot(tmp_path: Path) -> list[str]:
    one = advisory("A-1", "alpha", "0", "2.0", "Something can be reached.", aliases=["CVE-1"])
    return ["--osv", str(write_snapshot(tmp_path / "all.zip", [one])), "--osv-retrieved", DAY]


def test_a_hit_that_nobody_evaluated_is_a_failure(project: Project, snapshot: list[str]):
    code, report = project.run("good", *snapshot)
    assert code == 1
    assert report["core"]["evaluation"]["verdict"] == "FAIL"
    rules = [(entry["rule"], entry["where"]) for entry in report["core"]["evaluation"]["findings"]]
    assert ("S09", "Alpha 1.0") in rules
    page = (project.out / "report.html").read_text()
    assert "not evaluated" in page
    assert "A-1" in page


@pytest.mark.parametrize("justification", ["vulnerable_code_not_in_execute_path", None])
def test_a_hit_that_was_evaluated_needs_a_justification_that_can_be_handed_on(project, snapshot, justification):
    evaluate(project, **({"justification": justification} if justification else {}))
    code, report = project.run("good", *snapshot)
    assert code == (0 if justification else 2)
    rules = {entry["rule"] for entry in report["core"]["evaluation"]["findings"]}
    assert ("S10" in rules) == (justification is None)
    vex = json.loads((project.out / "vex.openvex.json").read_bytes())
    (statement,) = vex["statements"]
    assert statement["vulnerability"] == {"name": "A-1", "aliases": ["CVE-1"]}
    assert statement["status"] == ("not_affected" if justification else "under_investigation")
    assert statement.get("justification") == justification


@pytest.mark.requirement("REQ-F-VAL-017")
@pytest.mark.parametrize(
    ("disposition", "status"),
    [("mitigated", "not_affected"), ("accepted", "affected"), ("upgrade", "affected"), ("open", "under_investigation")],
)
def test_each_disposition_has_its_status_in_openvex(project: Project, snapshot, disposition, status):
    evaluate(project, disposition=disposition)
    project.run("good", *snapshot)
    vex = json.loads((project.out / "vex.openvex.json").read_bytes())
    assert vex["@context"] == "https://openvex.dev/ns/v0.2.0"
    assert vex["statements"][0]["status"] == status


def test_without_a_snapshot_the_report_says_that_nothing_was_searched(project: Project):
    _, report = project.run()
    assert report["core"]["advisories"] is None
    assert any("Published vulnerabilities were not searched" in line for line in report["core"]["limitations"])


def test_the_command_lists_hits_and_ends_with_1_while_one_is_open(project: Project, snapshot, capsys):
    assert project.command("osv", snapshot[1], "--retrieved", DAY) == 1
    said = capsys.readouterr().out
    assert "NOT EVALUATED" in said
    assert "1 hits, 1 not evaluated" in said
    evaluate(project, justification="component_not_present")
    assert project.command("osv", snapshot[1], "--retrieved", DAY) == 0


@pytest.mark.parametrize("arguments", [["--osv", "x.zip"], ["--osv-retrieved", DAY]])
def test_a_snapshot_counts_only_with_its_day(project: Project, arguments, capsys):
    assert project.command("run", "--service", "good", "--out", str(project.out), *arguments) == 4
    assert "--osv and --osv-retrieved belong together" in capsys.readouterr().err


@pytest.mark.requirement("REQ-F-VAL-017")
def test_the_bill_of_materials_names_every_distribution_library_and_claim(project: Project, environment):
    environment[0] = Installed("Alpha", "1.0", "", "MIT", "py3-none-any", "a" * 64, ("alpha.libs/libx.so.1",), ())
    _, report = project.run()
    bom = json.loads((project.out / "sbom.cdx.json").read_bytes())
    parts = {part["bom-ref"]: part for part in bom["components"]}
    assert {"runtime:python", "pkg:pypi/alpha@1.0", "pkg:pypi/beta-two@2.10", "model"} == parts.keys()
    assert parts["pkg:pypi/alpha@1.0"]["components"][0]["name"] == "libx.so.1"
    assert parts["pkg:pypi/alpha@1.0"]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    claims = {claim["bom-ref"]: claim for claim in bom["declarations"]["claims"]}
    assert claims["claim:REQ-F-SER-001"]["evidence"] == ["evidence:REQ-F-SER-001"]
    assert bom["serialNumber"].startswith("urn:uuid:")
    assert report["core"]["bundle"]["sha256"] == parts["model"]["hashes"][0]["content"]


@pytest.mark.requirement("REQ-F-VAL-017")
@pytest.mark.needs("package:cyclonedx")
def test_the_bill_of_materials_follows_the_published_schema(project: Project):
    schema = import_module("cyclonedx.schema")
    validator = import_module("cyclonedx.validation.json").JsonStrictValidator(schema.SchemaVersion.V1_6)
    project.run()
    assert validator.validate_str((project.out / "sbom.cdx.json").read_text()) is None
