"""The HTML page and the JUnit file: nothing runs, nothing is fetched, all is escaped, nothing is over-claimed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.validation.facts import outcome, phases
from validation.clauses import clause_index
from validation.evaluate import evaluate
from validation.html import TEMPLATES, acceptance, render_html
from validation.junit import render_junit
from validation.limitations import limitations

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&amp;{{7*7}}\x00\x1b]"
FUNCTION = "tests/test_a.py::test_a"


def plan(**changes: Any) -> dict[str, Any]:
    entry = {
        "id": "REQ-F-SER-001",
        "title": EVIL,
        "type": "functional",
        "text": EVIL,
        "section": "Functional/Serialization",
        "quote": EVIL,
        "risks": [58],
        "intended_use": ["UC-1-load"],
        "safety_relevant": True,
        "capabilities": ["cpu"],
        "acceptance": {"predicate": EVIL},
        "status": "draft",
        "fingerprint": "sha256:0",
        "unverified": None,
        "exclusion": None,
        "tests": [FUNCTION],
    }
    return {
        "trace_sha256": "t",
        "collected": [{"node": f"{FUNCTION}[{EVIL}]", "function": FUNCTION, "requirements": ["REQ-F-SER-001"]}],
        "not_collected": [],
        "settings": {
            "xfail_strict": True,
            "empty_parameter_set_mark": "fail_at_collect",
            "enable_assertion_pass_hook": True,
        },
        "request": {"required": [FUNCTION], "requirements": [entry]},
        **changes,
    }


def report(facts: dict[str, Any]) -> dict[str, Any]:
    """A report about one test, with markup in every text that comes from outside."""
    events = [
        {"event": "start", "plan_sha256": "p"},
        facts,
        {"event": "end", "plan_sha256": "p", "trace_sha256": "t", "exit_status": 1},
    ]
    given = [{"rule": "S02", "where": EVIL, "message": EVIL, "severity": "error"}]
    software = {"name": EVIL, "version": "1", "license": EVIL, "used_in": [], "recorded": False, "review": "open"}
    core: dict[str, Any] = {
        "tool": {"name": "medtorch validation", "version": "0", "sha256": "0"},
        "signoff_roles": ["executor"],
        "content": None,
        "advisories": None,
        "shards": [],
        "change_envelope": None,
        "test_files": {},
        "service": {
            "name": EVIL,
            "title": EVIL,
            "kind": "classifier",
            "safety_class": "unset",
            "intended_use": EVIL,
            "limitations": [EVIL],
            "devices": ["cpu"],
            "soup": {"medtorch": "0.1.0", "replaces": {"name": EVIL, "version": "1"}},
            "include": ["REQ-*"],
        },
        "bundle": {
            "sha256": "0",
            "expected_sha256": None,
            "files": [{"path": EVIL, "bytes": 1, "sha256": "0"}],
            "facts": {"name": EVIL},
        },
        "plan_sha256": "p",
        "trace_sha256": "t",
        "source": {"commit": None, "changed_files": None, "said_by": None},
        "given_findings": given,
        "evaluation": evaluate(plan(), "p", events, given),
        "outside": [{"id": "REQ-F-GPU-001", "title": EVIL}],
        "capabilities": [{"capability": "gpu", "present": False, "detail": EVIL}],
        "environment": {
            "cpu": {"model": EVIL, "logical_cpus": 1, "architecture": "x", "flags": [EVIL]},
            "memory_bytes": 1,
            "os": EVIL,
            "kernel": EVIL,
            "libc": EVIL,
            "python": {"implementation": "C", "version": "3", "build": EVIL, "compiler": EVIL},
            "variables": {"OMP_NUM_THREADS": EVIL},
        },
        "soup": [{**software, "content_sha256": "0", "altered": []}],
    }
    core["clauses"] = clause_index(core)
    core["limitations"] = limitations(core)
    made: dict[str, Any] = {
        "core": core,
        "core_sha256": "0",
        "volatile": {"made_at": EVIL, "duration_s": 1, "measurements": []},
    }
    return made


FAILED = outcome(node=f"{FUNCTION}[{EVIL}]", phases=phases("passed", "failed", "passed"), failure=EVIL)
SKIP = {"capability": None, "reason": EVIL}
SKIPPED = outcome(node=f"{FUNCTION}[{EVIL}]", phases=phases("passed", "skipped", "passed"), skip=SKIP)
PASSED = outcome(node=f"{FUNCTION}[{EVIL}]")


class Elements(HTMLParser):
    """Names and attributes of everything that a browser would take for an element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.extend(attrs)


@pytest.mark.requirement("REQ-S-VAL-002")
@pytest.mark.parametrize("facts", [FAILED, SKIPPED, PASSED])
def test_injected_markup_stays_text(facts):
    page = render_html(report(facts))
    seen = Elements(page)
    assert not seen.names & {"script", "img", "iframe", "object", "embed", "link", "form", "base"}
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name in ("style", "src", "srcset")]
    assert "49" not in re.findall(r"\{\{7\*7\}\}|(?<!\d)49(?!\d)", page)
    assert "&lt;script&gt;" in page


@pytest.mark.requirement("REQ-S-VAL-002")
def test_nothing_is_fetched_and_the_policy_forbids_it():
    page = render_html(report(FAILED))
    assert not re.findall(r"url\(|@import", page)
    assert [
        value for name, value in Elements(page).attributes if name == "href" and not str(value).startswith("#")
    ] == []
    css = (TEMPLATES / "report.css").read_bytes()
    style = base64.b64encode(hashlib.sha256(css).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'" in page
    assert f"<style>{css.decode()}</style>" in page


@pytest.mark.requirement("REQ-S-VAL-002")
@pytest.mark.parametrize(("facts", "element"), [(FAILED, "failure"), (SKIPPED, "skipped"), (PASSED, None)])
def test_junit_is_well_formed_and_says_what_was_not_verified(facts, element):
    root = ET.fromstring(render_junit(report(facts)))
    [case] = root.iter("testcase")
    properties = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
    state = {"failure": "FAILED", "skipped": "NOT_VERIFIED", None: "PASSED"}[element]
    assert properties == {"medtorch.outcome": state, "medtorch.requirements": "REQ-F-SER-001"}
    assert [child.tag for child in case if child.tag != "properties"] == ([element] if element else [])


@pytest.mark.requirement("REQ-F-VAL-007")
@pytest.mark.parametrize("facts", [FAILED, SKIPPED, PASSED])
def test_no_page_claims_what_only_people_can_decide(facts):
    made = json.dumps(report(facts)["core"]["limitations"]) + render_html(report(facts))
    claims = re.findall(
        r"\b(?:compliant|compliance|certified|certificate|(?<!not )(?<!nobody has )FDA)\b", made, re.IGNORECASE
    )
    assert claims == []
    approvals = [line for line in made.splitlines() if re.search(r"\bapproved\b", line, re.IGNORECASE)]
    assert all("nobody has approved" in line for line in approvals)


@pytest.mark.requirement("REQ-F-VAL-007")
def test_the_verdict_stands_before_everything_and_the_limits_before_the_tables():
    page = render_html(report(FAILED))
    body = page[page.index("<body>") :]
    assert (
        body.index('class="verdict FAIL"') < body.index('id="limits"') < body.index('id="open"') < body.index("<table>")
    )
    assert page.count("a draft until its signatures were checked") == 1


@pytest.mark.requirement("REQ-F-VAL-007")
def test_an_acceptance_criterion_reads_as_a_line():
    bound = {"metric": "ratio", "operator": "<=", "threshold": 1.5}
    assert acceptance({**bound, "unit": "1"}) == "ratio <= 1.5"
    assert acceptance({**bound, "unit": "s"}) == "ratio <= 1.5 s"
    assert acceptance({"predicate": "all hold"}) == "all hold"


@pytest.mark.requirement("REQ-S-VAL-002")
def test_the_template_marks_nothing_as_safe():
    texts = [path.read_text(encoding="utf-8") for path in Path(TEMPLATES).glob("*.html")]
    assert texts
    assert not [text for text in texts if re.search(r"\|\s*safe\b|autoescape false", text)]
