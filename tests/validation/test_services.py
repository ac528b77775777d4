"""Service files are held against their schema and the trace."""

from __future__ import annotations

import pytest

from tests.validation.project import Project
from validation.services import service_findings
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
