"""Each rule about the trace reports what breaks it, under its number, at its place."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.validation.project import Project, requirement, requirements
from validation.findings import errors
from validation.schemas import schema
from validation.strict_yaml import dump_yaml, load_yaml
from validation.trace import fingerprint
from validation.trace_rules import trace_findings

SER = ("Functional/Serialization", "saving and loading models")
TEST = "tests/test_all.py::test_it_adds"

breaches = pytest.mark.requirement("REQ-F-VAL-001")


def found(project: Project, *changed: dict) -> list[str]:
    """What is reported for the usual requirements, with the changed ones in place of, or beside, them."""
    kept = [entry for entry in requirements() if entry["id"] not in {change["id"] for change in changed}]
    project.write_trace([*kept, *changed])
    return [str(finding) for finding in trace_findings(project.root)]


@breaches
def test_the_usual_trace_has_no_finding(project: Project):
    assert found(project) == []


@breaches
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"text": "It does as it says."}, "R14  REQ-F-SER-001: the text says nowhere what shall hold"),
        ({"text": "It shall be fast."}, "R14  REQ-F-SER-001: vague word 'fast' in the text"),
        ({"text": "It shall Efficiently run."}, "R14  REQ-F-SER-001: vague word 'Efficiently' in the text"),
        ({"type": "security"}, "R01  REQ-F-SER-001: the id's letter does not say security"),
        (
            {"requires": {"capabilities": ["teleport"]}},
            "R01  REQ-F-SER-001: there is no probe for the capability 'teleport'",
        ),
        ({"tests": []}, "R02  REQ-F-SER-001: has neither a test nor the reason why there is none"),
        ({"unverified": {"reason": "Not yet."}}, "R02  REQ-F-SER-001: has tests and also a reason why there are none"),
        ({"tests": [TEST, TEST]}, f"R02  REQ-F-SER-001: lists {TEST} 2 times"),
        ({"intended_use": ["UC-9-none"]}, "R16  REQ-F-SER-001: there is no intended use 'UC-9-none'"),
        ({"risks": [58, 99]}, "R16  REQ-F-SER-001: there is no risk 99"),
        (
            {"source": {"section": "Nowhere", "quote": "..."}},
            "R15  REQ-F-SER-001: the source document has no section 'Nowhere'",
        ),
        (
            {"source": {"section": SER[0], "quote": "saving and loading  models"}},
            "R15  REQ-F-SER-001: the quote does not stand word for word under 'Functional/Serialization'",
        ),
        (
            {"source": {"section": SER[0], "quote": "fast execution times"}},
            "R15  REQ-F-SER-001: the quote does not stand word for word under 'Functional/Serialization'",
        ),
    ],
)
def test_a_breach_is_reported_at_its_requirement(project: Project, changes, expected):
    assert any(
        expected in line for line in found(project, requirement("REQ-F-SER-001", *SER, **{"tests": [TEST], **changes}))
    )


@breaches
def test_a_repeated_id_is_reported(project: Project):
    project.write_trace([*requirements(), requirements()[0]])
    assert "error   R01  REQ-F-SER-001: the id is used 2 times; ids are never used again" in map(
        str, trace_findings(project.root)
    )


@breaches
def test_a_performance_requirement_needs_a_threshold(project: Project):
    changed = requirement(
        "REQ-P-SPD-001", "Performance/Speed", "fast execution times", unverified={"reason": "Not yet."}
    )
    assert found(project, changed) == [
        "error   R09  REQ-P-SPD-001: a performance requirement needs metric, operator, threshold and unit"
    ]


LIMIT = {"metric": "ratio", "operator": "<=", "threshold": 1.5, "unit": "1"}


def speed(**acceptance: object) -> dict[str, object]:
    return requirement(
        "REQ-P-SPD-001",
        "Performance/Speed",
        "fast execution times",
        acceptance={**LIMIT, **acceptance},
        unverified={"reason": "Not yet."},
    )


@breaches
@pytest.mark.parametrize(
    "far", [{"healthy": 1.15, "defect": 1.95}, {"operator": ">=", "healthy": 1.95, "defect": 1.15}], ids=["<=", ">="]
)
def test_a_threshold_far_from_health_and_defect_is_no_finding(project: Project, far):
    assert found(project, speed(**far)) == []


@breaches
@pytest.mark.parametrize(
    "near",
    [
        {"healthy": 1.16, "defect": 1.95},
        {"healthy": 1.15, "defect": 1.94},
        {"healthy": 1.95, "defect": 1.15},
        {"operator": ">=", "healthy": 1.15, "defect": 1.95},
    ],
    ids=["healthy too near", "defect too near", "exchanged", "exchanged for >="],
)
def test_a_threshold_near_health_or_defect_is_an_open_point(project: Project, near):
    low, high = sorted((near["healthy"], near["defect"]))
    assert found(project, speed(**near)) == [
        f"warning R12  REQ-P-SPD-001: the threshold 1.5 is not 1.3 times away from {low} and from {high}"
    ]


@breaches
def test_a_threshold_without_health_and_defect_is_an_open_point(project: Project):
    assert found(project, speed()) == [
        "warning R12  margins: 1 performance requirements do not say what is healthy and which defect they catch"
    ]


@breaches
def test_every_item_of_the_source_needs_a_requirement(project: Project):
    project.write_trace(requirements()[:2])
    lines = [str(finding) for finding in trace_findings(project.root)]
    assert lines == ["error   R15  Performance/Speed: no requirement comes from this item of the source document"]


@breaches
def test_a_withdrawn_requirement_no_longer_covers_its_item(project: Project):
    withdrawn = requirement("REQ-F-SER-001", *SER, tests=[TEST], status="withdrawn")
    assert found(project, withdrawn) == [
        "error   R15  Functional/Serialization: no requirement comes from this item of the source document"
    ]


@breaches
def test_another_source_document_is_reported(project: Project):
    project.edit("validation/sources/source.txt", "A library.", "Another library.")
    assert [finding.rule for finding in trace_findings(project.root)] == ["R15"]


@breaches
def test_a_risk_without_a_requirement_is_reported(project: Project):
    data = load_yaml(project.root / "requirements_trace.yaml")
    data["risks"].append({"id": 60, "quote": "58. SOUP presents"})
    project.write("requirements_trace.yaml", dump_yaml(data))
    assert [str(f) for f in trace_findings(project.root)] == ["error   R16  risk 60: no requirement controls this risk"]


@breaches
@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("id", "REQ-1", "requirements[0].id"),
        ("surprise", 1, "requirements[0]"),
        ("acceptance", {}, "requirements[0].acceptance"),
        (
            "acceptance",
            {"metric": "a time", "operator": "~", "threshold": 1, "unit": "s"},
            "requirements[0].acceptance",
        ),
        ("risks", [], "requirements[0].risks"),
        ("tests", [{"node": "/etc/passwd"}], "requirements[0].tests[0].node"),
    ],
)
def test_what_does_not_follow_the_schema_is_reported_at_its_place(project: Project, key, value, where):
    data = load_yaml(project.root / "requirements_trace.yaml")
    data["requirements"][0][key] = value
    project.write("requirements_trace.yaml", dump_yaml(data))
    [finding, *_] = trace_findings(project.root)
    assert (finding.rule, finding.where) == ("R01", f"requirements_trace.yaml.{where}")


@breaches
def test_a_trace_that_cannot_be_read_is_one_finding(project: Project):
    project.write("requirements_trace.yaml", "a: 1\na: 2\n")
    assert [str(finding) for finding in trace_findings(project.root)] == [
        "error   R01  requirements_trace.yaml: requirements_trace.yaml: line 2: the key 'a' stands twice"
    ]


@breaches
@pytest.mark.parametrize("name", ["requirements_trace", "service", "soup_record"])
def test_every_object_of_the_schemas_is_closed(name):
    def open_objects(node: object, path: str = "") -> list[str]:
        if isinstance(node, list):
            return [line for i, item in enumerate(node) for line in open_objects(item, f"{path}[{i}]")]
        if not isinstance(node, dict):
            return []
        deeper = [line for key, value in node.items() for line in open_objects(value, f"{path}.{key}")]
        return deeper + (
            [path]
            if node.get("type") == "object" and "properties" in node and "additionalProperties" not in node
            else []
        )

    assert open_objects(json.loads(json.dumps(schema(name)))) == []


@pytest.mark.requirement("REQ-F-VAL-004")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("threshold: 1.5", "threshold: 15"),
        ("operator: <=", "operator: '>='"),
        ("text: The library shall do as it says.", "text: The library shall do almost as it says."),
        ("predicate: every assertion of its tests holds", "predicate: some assertion of its tests holds"),
        ("- gpu\n", "- cpu\n"),
    ],
)
def test_an_edited_threshold_text_or_need_is_found(project: Project, old, new):
    assert trace_findings(project.root) == []
    project.edit("requirements_trace.yaml", old, new)
    finding = errors(trace_findings(project.root))[0]
    assert finding.rule == "R17"
    assert "were changed since the last review" in finding.message


@pytest.mark.requirement("REQ-F-VAL-004")
def test_a_fingerprint_made_anew_by_hand_lacks_its_history(project: Project):
    data = load_yaml(project.root / "requirements_trace.yaml")
    data["requirements"][2]["acceptance"]["threshold"] = 15
    data["requirements"][2]["fingerprint"] = fingerprint(data["requirements"][2])
    project.write("requirements_trace.yaml", dump_yaml(data))
    assert [str(finding) for finding in errors(trace_findings(project.root))] == [
        "error   R11  REQ-P-SPD-001: the recorded fingerprint has no entry in the history"
    ]


@pytest.mark.requirement("REQ-F-VAL-004")
def test_a_review_with_name_and_reason_clears_the_finding(project: Project, checked: Callable):
    project.edit("requirements_trace.yaml", "threshold: 1.5", "threshold: 2.5")
    assert project.command("review", "REQ-P-SPD-001", "--by", "A Person", "--reason", "The baseline was measured.") == 0
    assert checked()[0] == 0
    last = load_yaml(project.root / "requirements_trace.yaml")["requirements"][2]["history"][-1]
    assert (last["by"], last["change"]) == ("A Person", "The baseline was measured.")


@pytest.mark.requirement("REQ-F-VAL-004")
def test_a_review_of_nothing_is_refused(project: Project, capsys):
    assert project.command("review", "REQ-P-SPD-001", "--by", "A Person", "--reason", "None at all.") == 4
    assert "REQ-P-SPD-001 has not been changed since its last review" in capsys.readouterr().err
    assert project.command("review", "REQ-F-ZZZ-001", "--by", "A Person", "--reason", "None at all.") == 4
    assert "there is no requirement REQ-F-ZZZ-001" in capsys.readouterr().err
