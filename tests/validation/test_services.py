"""Service files are held against their schema and the trace."""

from __future__ import annotations

import pytest

from tests.validation.project import Project
from validation.canonical import file_sha256
from validation.distributions import Installed
from validation.services import load_service, service_findings
from validation.subject import line_findings
from validation.trace_rules import load_trace

pytestmark = pytest.mark.requirement("REQ-F-VAL-011")

GPU = {"id": "REQ-F-GPU-001", "reason": "Not claimed.", "approved_by": "JD-000, A Person"}


def found(project: Project, **changes: object) -> list[str]:
    project.service("good", **changes)
    return [str(finding) for finding in service_findings(project.root, load_trace(project.root))]


def requirements(*include: str, excluded: tuple[dict, ...] = ()) -> dict:
    return {"include": list(include), "not_applicable": list(excluded)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"requirements": requirements("REQ-F-*", excluded=(GPU,))}, []),
        (
            {"requirements": requirements("REQ-F-SER-*", "REQ-F-ZZZ-*")},
            ["error   V02  good: no requirement matches 'REQ-F-ZZZ-*'"],
        ),
        (
            {"requirements": requirements("REQ-F-SER-*", excluded=(GPU,))},
            ["error   V03  good: excludes REQ-F-GPU-001, which it does not include"],
        ),
        (
            {"claims": {"devices": ["cpu", "cuda"]}, "requirements": requirements("REQ-F-*", excluded=(GPU,))},
            ["error   V03  good: claims cuda and yet excludes REQ-F-GPU-001"],
        ),
        (
            {"claims": {"devices": ["cuda"]}},
            ["error   V03  good: claims cuda and yet takes in no requirement that needs a GPU"],
        ),
        (
            {"requirements": requirements("REQ-F-*", excluded=({**GPU, "approved_by": "open"},))},
            ["warning V04  good: that REQ-F-GPU-001 does not apply has not been approved by anybody yet"],
        ),
        ({"template": True}, ["V01  good.yaml"]),
        ({"bundle": None}, ["V01  good.yaml"]),
        ({"kind": "unset"}, ["V01  good.yaml"]),
        ({"surprise": 1}, ["V01  good.yaml"]),
        ({"requirements": requirements("everything")}, ["V01  good.yaml"]),
        ({"soup": {"medtorch": ">=0.1"}}, ["V01  good.yaml"]),
    ],
)
def test_what_does_not_fit_is_named(project: Project, changes, expected):
    lines = found(project, **changes)
    assert len(lines) == len(expected)
    assert all(text in line for text, line in zip(expected, lines, strict=True))


def test_file_and_service_must_have_one_name(project: Project):
    (project.root / "validation/services/good.yaml").rename(project.root / "validation/services/other.yaml")
    [finding] = service_findings(project.root, load_trace(project.root))
    assert "other.yaml: holds the service 'good'; file and service must have one name" in str(finding)


def test_services_of_two_version_lines_live_side_by_side_and_only_one_is_validated_here(project: Project, capsys):
    project.write("medtorch/_version.py", '__version__ = "0.2.0"\n')
    digest = file_sha256(project.root / "bundle" / "bundle.json")
    for name, version in (("older", "0.1.0"), ("newer", "0.2.0")):
        project.service(name, soup={"medtorch": version}, bundle={"path": "bundle", "sha256": digest})
    assert project.command("soup", "services") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["medtorch", "0.1.0", "blank,", "good,", "older"],
        ["medtorch", "0.2.0", "newer"],
    ]
    code, report = project.run("newer")
    assert (code, report["core"]["service"]["soup"]["medtorch"]) == (0, "0.2.0")
    code, report = project.run("older")
    assert (code, report["core"]["service"]["soup"]["medtorch"]) == (2, "0.1.0")
    errors = [entry for entry in report["core"]["given_findings"] if entry["severity"] == "error"]
    assert [(entry["rule"], entry["message"]) for entry in errors] == [
        ("V07", "is made for medtorch 0.1.0, this is 0.2.0")
    ]
    assert "medtorch version line</dt><dd>0.1.0" in (project.out / "report.html").read_text()


def test_the_version_that_is_installed_counts_before_that_of_the_checkout(project: Project, environment):
    project.write("medtorch/_version.py", '__version__ = "0.2.0"\n')
    environment.append(Installed("medtorch", "0.1.0", "", "MIT", "", "c" * 64, (), ()))
    service = load_service(project.root, "good")
    assert line_findings(project.root, service, environment) == []
    assert [str(found) for found in line_findings(project.root, service, environment[:2])] == [
        "error   V07  good: is made for medtorch 0.1.0, this is 0.2.0"
    ]
