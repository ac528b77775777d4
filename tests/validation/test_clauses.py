"""The clause index: every clause leads to a section that the page has, and what is not there is said to be absent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.validation.project import Project
from validation.clauses import CLAUSES, EVIDENCE, clause_findings, clause_index
from validation.html import TEMPLATES, render_html
from validation.strict_yaml import load_yaml

pytestmark = pytest.mark.requirement("REQ-F-VAL-040")

HELD: dict[str, Any] = {
    "advisories": {"searched": 1},
    "bundle": {"files": [{}]},
    "content": {"sha256": "0"},
    "signoff_roles": ["executor"],
    "soup": [{}],
    "source": {"commit": "c"},
    "test_files": {"tests/test_all.py": "0"},
}
# What takes each kind of evidence away, and how the page calls it.
TAKEN = [
    ({"advisories": None}, "search of published advisories"),
    ({"bundle": {"files": []}}, "digest of each file"),
    ({"content": None}, "content of the image"),
    ({"signoff_roles": []}, "roles that must sign"),
    ({"soup": []}, "software in use, with its records"),
    ({"source": {"commit": None}}, "commit"),
    ({"test_files": {}}, "digest of each test"),
]


def test_a_report_that_holds_everything_leaves_no_clause_open():
    assert list(clause_findings(clause_index(HELD))) == []


@pytest.mark.parametrize(("change", "title"), TAKEN, ids=[title for _, title in TAKEN])
def test_what_a_report_does_not_hold_is_named_with_the_clauses_that_look_for_it(change: dict[str, Any], title: str):
    (finding,) = clause_findings(clause_index({**HELD, **change}))
    assert (finding.rule, finding.severity, finding.where) == ("R23", "warning", title)
    assert re.match(
        r"not in this report; looked for there by (IEC 62304|ISO 13485|Guidance|Regulation)", finding.message
    )


def test_every_kind_of_evidence_serves_a_clause_and_every_clause_names_known_kinds():
    texts = load_yaml(CLAUSES)["texts"]
    named = {name for text in texts for entry in text["clauses"] for name in entry["evidence"]}
    assert named == set(EVIDENCE)


def test_every_section_that_is_named_stands_in_the_page():
    sections = set(re.findall(r'<section id="([a-z]+)"', (TEMPLATES / "report.html").read_text()))
    assert {evidence.section for evidence in EVIDENCE.values()} <= sections


def test_no_text_says_more_than_a_tool_can_know():
    assert not re.search(r"compliant|certified|approved by|conforms", CLAUSES.read_text(), re.IGNORECASE)


def test_the_page_leads_from_the_clause_to_the_section(project: Project):
    _, report = project.run()
    page = render_html(report)
    assert "5.3.3" in page
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r' id="([^"]+)"', page))
    assert '<span class="soft">not here: content of the image</span>' in page
    rules = [finding for finding in report["core"]["evaluation"]["findings"] if finding["rule"] == "R23"]
    assert "content of the image" in {finding["where"] for finding in rules}


def test_the_list_can_be_another_one(tmp_path: Path):
    own = tmp_path / "clauses.yaml"
    own.write_text(
        'schema: medtorch.clauses/1\ntexts:\n  - title: "Our handbook"\n    edition: "3"\n    clauses:\n'
        '      - {clause: "7", asks: "results", evidence: [results], yours: ""}\n'
    )
    (text,) = clause_index(HELD, own)
    assert (text["text"], [entry["clause"] for entry in text["clauses"]]) == ("Our handbook (3)", ["7"])
