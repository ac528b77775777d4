"""SOUP records are held against their schema, the environment and the requirements."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

import pytest

from tests.validation.project import Project, soup_record
from validation.distributions import Installed
from validation.schemas import schema_findings
from validation.soup.document import render_markdown
from validation.soup.draft import draft_record
from validation.soup.records import load_records
from validation.soup.rules import soup_findings
from validation.soup.surroundings import startup_findings, use_findings
from validation.strict_yaml import load_yaml
from validation.trace_rules import load_trace

pytestmark = pytest.mark.requirement("REQ-F-VAL-012")
ROOT = Path(__file__).resolve().parents[2]


def found(project: Project, environment: list[Installed]) -> list[str]:
    return [str(finding) for finding in soup_findings(project.root, load_trace(project.root), environment)]


def test_a_recorded_environment_has_no_finding(project: Project, environment: list[Installed]):
    assert found(project, environment) == []


def test_a_distribution_without_a_record_is_found(project: Project, environment: list[Installed]):
    environment.append(Installed("Gamma.Three", "3", "", "MIT", "", "c" * 64, (), ()))
    assert found(project, environment) == ["error   S02  gamma-three: 3 is installed and has no SOUP record"]


def test_another_version_than_recorded_is_found(project: Project, environment: list[Installed]):
    environment[1] = Installed("Beta_Two", "2.1", "", "Apache-2.0", "", "b" * 64, (), ())
    assert found(project, environment) == ["error   S02  beta-two: 2.1 is installed, the record knows 2.10"]


def test_another_version_of_a_tool_is_an_open_point(project: Project, environment: list[Installed]):
    project.record("beta-two", "Beta_Two", "2.10", license="Apache-2.0", kind="tool")
    environment[1] = Installed("Beta_Two", "2.1", "", "Apache-2.0", "", "b" * 64, (), ())
    assert found(project, environment) == ["warning S02  beta-two: 2.1 is installed, the record knows 2.10"]


def test_a_record_of_something_that_is_not_installed_is_an_open_point(project: Project, environment: list[Installed]):
    project.record("gamma", "Gamma", "3")
    assert found(project, environment) == ["warning S02  gamma: has a record and is not installed here"]
    project.record("gamma", "Gamma", "3", retired=True)
    assert found(project, environment) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"sha256": "c" * 64}, "S04  alpha: 1.0: the installed files are not those that were recorded"),
        ({"sha256": "a" * 64, "libraries": ["alpha.libs/x.so"]}, "S06  alpha: 1.0: it brings other native libraries"),
        ({"sha256": "a" * 64}, None),
    ],
)
def test_other_files_than_recorded_are_found(project: Project, environment: list[Installed], content, message):
    version = soup_record("alpha", "Alpha", "1.0")["versions"][0]
    version["content"] = [{"wheel_tag": "py3-none-any", **content}]
    project.record("alpha", "Alpha", "1.0", versions=[version])
    lines = found(project, environment)
    assert len(lines) == (message is not None)
    assert all(str(message) in line for line in lines)


def test_altered_files_are_found(project: Project, environment: list[Installed]):
    environment[0] = Installed("Alpha", "1.0", "", "MIT", "", "a" * 64, (), ("alpha/a.py", "alpha/b.py"))
    assert found(project, environment) == [
        "error   S04  alpha: 2 installed files were altered or are missing: alpha/a.py, alpha/b.py"
    ]


def test_another_licence_is_found(project: Project, environment: list[Installed]):
    environment[0] = Installed("Alpha", "1.0", "", "GPL-3.0-only", "", "a" * 64, (), ())
    assert found(project, environment) == ["error   S11  alpha: its licence is GPL-3.0-only, the record says MIT"]


def test_two_versions_at_once_are_found(project: Project, environment: list[Installed]):
    environment.append(environment[0])
    assert found(project, environment)[0] == "error   S15  alpha: 2 versions are installed at once"


def test_an_unrecorded_python_is_found(project: Project, environment: list[Installed]):
    project.record("cpython", None, "2.7.18", kind="runtime")
    assert found(project, environment) == [
        f"warning S02  cpython: {platform.python_version()} is running, the record knows 2.7.18"
    ]
    (project.root / "soup_records" / "cpython.yaml").unlink()
    assert found(project, environment) == [
        f"error   S02  cpython: {platform.python_version()} is running and has no SOUP record"
    ]


def test_own_code_must_have_the_recorded_version(project: Project, environment: list[Installed]):
    project.record("medtorch", "medtorch", "0.1.0", kind="own")
    project.write("medtorch/_version.py", '"""About 1.0."""\n\n__version__ = "0.2.0"\n')
    assert found(project, environment) == ["error   S18  medtorch: medtorch/_version.py says 0.2.0, the record 0.1.0"]


def test_unknown_requirements_and_risks_are_found(project: Project, environment: list[Installed]):
    project.record("alpha", "Alpha", "1.0", requirements=["REQ-F-ZZZ-001"], risks=[{"id": 99, "cause": "None."}])
    assert found(project, environment) == [
        "error   R16  alpha: there is no requirement REQ-F-ZZZ-001",
        "error   R16  alpha: there is no risk 99",
    ]


def test_open_and_self_made_reviews_are_open_points(project: Project, environment: list[Installed]):
    evaluation = soup_record("alpha", "Alpha", "1.0")["evaluations"][0]
    project.record("alpha", "Alpha", "1.0", evaluations=[{**evaluation, "reviewer": "an editor"}])
    project.record("beta-two", "Beta_Two", "2.10", license="Apache-2.0", evaluations=[])
    assert found(project, environment) == [
        "warning S07  anomaly reviews: open for 1 of 3 records: beta-two",
        "warning S20  alpha: the reviewer of the anomalies wrote the record",
    ]


def test_a_review_of_another_version_leaves_this_one_open(project: Project, environment: list[Installed]):
    evaluation = soup_record("alpha", "Alpha", "1.0")["evaluations"][0]
    project.record("alpha", "Alpha", "1.0", evaluations=[{**evaluation, "versions": ["0.9"]}])
    assert found(project, environment) == ["warning S07  anomaly reviews: open for 1 of 3 records: alpha"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sources": [{"name": "a forum"}]},
            "S08  alpha: the evaluation of 2026-01-02 searched 'a forum', which is none of its anomaly sources",
        ),
        (
            {"sources": [{"name": "issues"}]},
            "S08  alpha: the evaluation of 2026-01-02 found nothing and searched no advisories",
        ),
        (
            {"sources": [{"retrieved": "2026-01-03"}]},
            "S08  alpha: the evaluation of 2026-01-02 names a snapshot that was fetched later: OSV",
        ),
    ],
)
def test_an_evaluation_that_does_not_show_what_it_says_is_found(
    project: Project, environment: list[Installed], changes, message
):
    record = soup_record("alpha", "Alpha", "1.0")
    evaluation = record["evaluations"][0]
    sources = [{**evaluation["sources"][0], **source} for source in changes["sources"]]
    others = [*record["anomaly_sources"], {"name": "issues", "url": "https://example.org", "kind": "tracker"}]
    project.record("alpha", "Alpha", "1.0", anomaly_sources=others, evaluations=[{**evaluation, "sources": sources}])
    assert f"error   {message}" in found(project, environment)


def test_an_evaluation_with_hits_may_have_searched_a_tracker_alone(project: Project, environment: list[Installed]):
    record = soup_record("alpha", "Alpha", "1.0")
    evaluation = record["evaluations"][0]
    hit = {"id": "#1", "affects_use": False, "disposition": "accepted", "rationale": "It is about something else."}
    source = {**evaluation["sources"][0], "name": "issues"}
    others = [{"name": "issues", "url": "https://example.org", "kind": "tracker"}]
    evaluations = [{**evaluation, "sources": [source], "hits": [hit]}]
    project.record("alpha", "Alpha", "1.0", anomaly_sources=others, evaluations=evaluations)
    assert found(project, environment) == []


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "warning S19  upstream tests: open for 1 of 2 records: alpha"),
        ({"failed": 0}, None),
        ({"failed": 2}, "warning S19  alpha: 2 of the project's own tests of 1.0 failed here, and nobody has said why"),
        ({"failed": 2, "explained": "They need a network."}, None),
    ],
)
def test_the_projects_own_tests_were_run_here_or_it_is_said_why_not(
    project: Project, environment: list[Installed], said, message
):
    version = soup_record("alpha", "Alpha", "1.0")["versions"][0]
    run = {"date": "2026-01-02", "command": "pytest --pyargs alpha", "passed": 10, "log_sha256": "0" * 64}
    if said is None:
        del version["upstream_tests"]
    else:
        version["upstream_tests"] = {**run, **said}
    project.record("alpha", "Alpha", "1.0", versions=[version])
    assert found(project, environment) == ([] if message is None else [message])


@pytest.mark.parametrize("version", [">=1.0", "1.*", "latest", "~=1.2", "1.0, 1.1", "main", "1.0 ", ""])
def test_a_version_that_is_not_exact_is_refused(version):
    [finding, *_] = schema_findings("S01", "r", soup_record("alpha", "Alpha", version), "soup_record")
    assert "version" in finding.where or "purl" in finding.where


@pytest.mark.parametrize("version", ["1.0", "2026.6", "2.13.0+cpu", "26.3rc1", "1.0.post1", "4.26.0.20261006"])
def test_an_exact_version_is_taken(version):
    assert schema_findings("S01", "r", soup_record("alpha", "Alpha", version), "soup_record") == []


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"surprise": 1}, "r"),
        ({"risks": []}, "r.risks"),
        ({"kind": "thing"}, "r.kind"),
        ({"signatures": {"author": "open"}}, "r.signatures"),
        (
            {"documentation": {"url": "https://x", "checklist": [{"item": "The one.", "answer": "yes"}] * 2}},
            "r.documentation",
        ),
    ],
)
def test_a_record_that_does_not_follow_the_schema_is_refused_at_its_place(changes, where):
    found = schema_findings("S01", "r", soup_record("alpha", "Alpha", "1.0", **changes), "soup_record")
    assert found
    assert all(finding.where.startswith(where) for finding in found)


def test_an_evaluation_without_a_snapshot_is_refused():
    record = soup_record("alpha", "Alpha", "1.0")
    record["evaluations"][0]["sources"] = []
    assert [f.where for f in schema_findings("S01", "r", record, "soup_record")] == ["r.evaluations[0].sources"]


def test_a_broken_record_and_one_under_another_name_are_found(project: Project):
    project.write("soup_records/alpha.yaml", "a: 1\na: 2\n")
    (project.root / "soup_records" / "beta-two.yaml").rename(project.root / "soup_records" / "gamma.yaml")
    records, problems = load_records(project.root)
    assert [record.soup_id for record in records] == ["cpython"]
    assert [str(problem) for problem in problems] == [
        "error   S01  alpha.yaml: alpha.yaml: line 2: the key 'a' stands twice",
        "error   S01  gamma.yaml: holds the record of 'beta-two'",
    ]


def test_a_draft_follows_the_schema_and_leaves_judgement_open(tmp_path: Path):
    said = draft_record(tmp_path, "pytest", by="A Writer", used_in=["validation"], date="2026-11-20")
    record = load_yaml(tmp_path / "soup_records" / "pytest.yaml")
    assert said.startswith("drafted soup_records/pytest.yaml")
    assert schema_findings("S01", "pytest", record, "soup_record") == []
    assert record["versions"][0]["version"] == metadata.version("pytest")
    assert record["evaluations"] == []
    assert record["signatures"] == {"author": "open", "reviewer": "open", "approver": "open"}
    assert {entry["answer"] for entry in record["documentation"]["checklist"]} == {"open"}


def test_drafting_again_adds_the_installed_version_only(tmp_path: Path):
    draft_record(tmp_path, "pytest", by="A Writer", used_in=["validation"], date="2026-11-20")
    path = tmp_path / "soup_records" / "pytest.yaml"
    before = path.read_text(encoding="utf-8")
    draft_record(tmp_path, "pytest", by="Another", used_in=["runtime"], date="2027-01-01")
    assert path.read_text(encoding="utf-8") == before
    path.write_text(before.replace(metadata.version("pytest"), "0.1.0"), encoding="utf-8")
    draft_record(tmp_path, "pytest", by="Another", used_in=["runtime"], date="2027-01-01")
    assert [entry["version"] for entry in load_yaml(path)["versions"]] == ["0.1.0", metadata.version("pytest")]


def test_services_are_listed_by_the_versions_they_use(project: Project, capsys):
    project.service(
        "blank",
        template=True,
        bundle=None,
        soup={"medtorch": None, "replaces": {"name": "PyTorch", "version": "1.7.0"}},
    )
    assert project.command("soup", "services") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["PyTorch", "(replaced)", "1.7.0", "blank"],
        ["medtorch", "0.1.0", "good"],
        ["medtorch", "not", "set", "yet", "blank"],
    ]


def test_what_is_not_installed_cannot_be_drafted(project: Project, capsys):
    assert project.command("soup", "new", "no-such-thing", "--by", "A Writer", "--used-in", "runtime") == 4
    assert "no-such-thing is not installed" in capsys.readouterr().err


# ---- what people must have decided ---------------------------------------------------------------------------------


def test_undecided_points_are_one_line_for_each_rule(project: Project, environment: list[Installed]):
    open_record = soup_record("alpha", "Alpha", "1.0")
    general, documentation = open_record["general"], open_record["documentation"]
    general["maintenance"] = {"status": "open", "checked_on": None, "method": None}
    documentation["checklist"][0] = {"item": "The first item.", "answer": "open"}
    signatures = {**open_record["signatures"], "author": "open"}
    project.record("alpha", "Alpha", "1.0", general=general, documentation=documentation, signatures=signatures)
    assert found(project, environment) == [
        "warning S12  maintenance: open for 1 of 3 records: alpha",
        "warning S13  documentation checklist: open for 1 of 3 records: alpha",
        "warning S17  signatures: open for 1 of 3 records: alpha",
    ]


@pytest.mark.parametrize(
    ("maintenance", "message"),
    [
        ({"status": "unmaintained", "method": "No commit since 2020."}, "is not maintained any more: No commit since"),
        ({"status": "maintained", "end_of_support": "2020-01-01"}, "its support ended on 2020-01-01"),
        ({"status": "maintained", "end_of_support": "2999-01-01"}, None),
    ],
)
def test_a_soup_whose_support_ended_is_an_error(project, environment, maintenance, message):
    general = soup_record("alpha", "Alpha", "1.0")["general"]
    general["maintenance"] = {"checked_on": "2026-01-01", "method": "looked", **maintenance}
    project.record("alpha", "Alpha", "1.0", general=general)
    lines = found(project, environment)
    assert len(lines) == (message is not None)
    assert message is None or lines[0].startswith(f"error   S12  alpha: {message}")


@pytest.mark.parametrize(("line", "good"), [("Python >=3.8", True), ("Python <3.8", False), ("Python, any", True)])
def test_the_python_that_a_soup_needs_is_held_against_the_one_that_runs(project, environment, line, good):
    project.record("alpha", "Alpha", "1.0", system_requirements={"software": [line], "hardware": ["None, a test."]})
    said = f"error   S14  alpha: needs {line}, this is {platform.python_version()}"
    assert found(project, environment) == ([] if good else [said])


# ---- what runs unasked ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "severity"),
    [
        ("evil.pth", "import os; os.system('true')\n", "error"),
        ("sitecustomize.py", "", "error"),
        ("usercustomize.py", "", "error"),
        ("folders.pth", "/opt/more\n", "warning"),
        ("module.py", "", None),
    ],
)
def test_files_that_run_at_every_start_and_belong_to_nobody_are_found(tmp_path: Path, name, text, severity):
    (tmp_path / name).write_text(text)
    assert [(finding.rule, finding.severity) for finding in startup_findings([tmp_path])] == (
        [("S05", severity)] if severity else []
    )


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("import pickle", "pickle"),
        ("from marshal import loads", "marshal"),
        ("import joblib.externals", "joblib"),
        ("def f(text):\n    return eval(text)", "eval()"),
        ("exec('x')", "exec()"),
        ("model.eval()", None),
        ("from .pickle import x", None),
        ("import json", None),
    ],
)
def test_code_that_runs_what_it_reads_is_found_in_the_product(tmp_path: Path, code, used):
    (tmp_path / "medtorch").mkdir()
    (tmp_path / "medtorch" / "a.py").write_text(code)
    messages = [finding.message for finding in use_findings(tmp_path)]
    assert messages == ([f"uses {used}, which runs what it is given"] if used else [])


def test_the_product_itself_runs_nothing_that_it_reads():
    assert list(use_findings(ROOT)) == []


# ---- records as documents ------------------------------------------------------------------------------------------

SECTIONS = (
    "Description", "General details", "Intended use on the device", "System requirements", "Documentation",
    "Related software items", "Related risks", "Lists of published anomalies",
    "History of evaluation of SOUP anomalies", "Signature meaning",
)  # fmt: skip


@pytest.mark.requirement("REQ-F-VAL-023")
def test_a_record_is_a_document_with_the_sections_that_such_records_have(project: Project, capsys):
    assert project.command("soup", "show", "alpha") == 0
    text = capsys.readouterr().out
    places = [text.index(f"## {section}\n") for section in SECTIONS]
    assert places == sorted(places)
    assert "| 1.0 | - |" in text
    assert "58. SOUP presents an anomaly. It may not fit." in text


@pytest.mark.requirement("REQ-F-VAL-023")
def test_a_record_names_its_requirements_and_the_services_of_each_version(project: Project, capsys):
    project.record("medtorch", None, "0.1.0", kind="own", requirements=["REQ-F-SER-001", "REQ-P-SPD-001"])
    project.service("other", soup={"medtorch": "0.2.0"})
    assert project.command("soup", "show", "medtorch") == 0
    text = capsys.readouterr().out
    assert "## Functional requirements\n\n- REQ-F-SER-001: The library shall do as it says." in text
    assert "## Performance requirements\n\n- REQ-P-SPD-001" in text
    assert "| 0.1.0 | blank good |" in text


@pytest.mark.requirement("REQ-F-VAL-023")
def test_the_page_of_a_record_holds_no_script_and_escapes_what_people_wrote(project: Project, tmp_path: Path):
    project.record("alpha", "Alpha", "1.0", description="<script>alert(1)</script> | and **more**")
    assert project.command("soup", "show", "alpha", "--html", str(tmp_path / "alpha.html")) == 0
    page = (tmp_path / "alpha.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert all(f"<h2>{section}</h2>" in page for section in SECTIONS)


@pytest.mark.requirement("REQ-F-VAL-023")
def test_a_record_that_is_not_there_is_refused(project: Project, capsys):
    assert project.command("soup", "show", "nothing") == 4
    assert "there is no record 'nothing'" in capsys.readouterr().err


@pytest.mark.requirement("REQ-F-VAL-023")
def test_every_record_of_the_project_can_be_shown():
    trace = load_trace(ROOT)
    for record in load_records(ROOT)[0]:
        assert render_markdown(record.data, trace, {}).startswith("# ")
