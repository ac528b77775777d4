"""The project's own trace, records and services follow their rules; thirteen services are templates."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from validation.cli import main
from validation.findings import errors
from validation.services import read_service, service_files
from validation.soup.records import load_records
from validation.sources import items, read_sections
from validation.trace_rules import load_trace, trace_findings

ROOT = Path(__file__).resolve().parents[2]
OLDER = "APASI-SEGMENTER APASI-CLASSIFIER ASALT ASCORAD-SEGMENTER ASCORAD-CLASSIFIER ICD-MULTICLASS-CLASSIFIER"
OLDER += " ICD-BINARY-CLASSIFIER BINARY-REFERRER QUALITY-VALIDATOR DOMAIN-VALIDATOR"
NEWER = "AGPPGA ALADIN APULSI"


@pytest.mark.requirement("REQ-F-VAL-001")
def test_the_trace_follows_its_rules():
    assert [str(finding) for finding in errors(trace_findings(ROOT))] == []


@pytest.mark.requirement("REQ-F-VAL-001")
def test_the_nine_items_of_the_source_record_have_requirements():
    trace = load_trace(ROOT)
    names = items(read_sections(ROOT / trace.source_file))
    functional = ["GPU support", "Modularity", "Extensibility", "Data management", "Serialization"]
    performance = ["Speed", "Scalability", "Resource utilization", "Distributed training"]
    assert names == [f"Functional/{name}" for name in functional] + [f"Performance/{name}" for name in performance]
    assert {requirement.section for requirement in trace.live()} >= set(names)
    assert set(trace.risks) == {58, 59, 60}


@pytest.mark.requirement("REQ-F-VAL-012")
def test_every_record_follows_its_schema_and_what_an_image_carries_has_one():
    records, problems = load_records(ROOT)
    assert problems == []
    locked = {
        line.split("==")[0] for line in (ROOT / "requirements/image.txt").read_text().splitlines() if "==" in line
    }
    runtime = {record.soup_id for record in records if "runtime" in record.data["used_in"]}
    assert locked
    assert runtime >= locked | {"medtorch", "cpython", "debian"}


@pytest.mark.requirement("REQ-F-VAL-011")
def test_the_services_of_the_source_record_are_templates_on_their_version_line(tmp_path: Path, capsys):
    services = {path.stem: read_service(path) for path in service_files(ROOT)}
    lines = {name: service.soup["replaces"]["version"] for name, service in services.items() if service.template}
    assert lines == dict.fromkeys(OLDER.split(), "1.7.0") | dict.fromkeys(NEWER.split(), "2.2.1")
    source = (ROOT / "validation/sources/soup_record_pytorch.txt").read_text(encoding="utf-8")
    for name in lines:
        assert name in source or name.replace("-", " ") in source
        assert main(["--root", str(ROOT), "run", "--service", name, "--out", str(tmp_path / "out")]) == 4
        assert f"{name} is a template" in capsys.readouterr().err


@pytest.mark.requirement("REQ-F-VAL-011")
def test_the_example_services_claim_what_the_examples_show():
    services = {path.stem: read_service(path) for path in service_files(ROOT)}
    examples = {name: service for name, service in services.items() if not service.template}
    assert {name: service.kind for name, service in examples.items()} == {
        "cxr-classifier": "classifier",
        "nuclei-segmenter": "segmenter",
        "validation-system": "tool",
    }


@pytest.mark.requirement("REQ-F-VAL-003")
def test_a_deleted_test_of_this_project_would_be_found(tmp_path: Path, capsys):
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in ("requirements_trace.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    for name in ("validation", "soup_records"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "tests" / "validation").mkdir(parents=True)
    shutil.copy(ROOT / "tests/validation/test_states.py", copy / "tests/validation")
    node = "tests/validation/test_states.py::test_nothing_at_all_is_incomplete"
    path = copy / "tests/validation/test_states.py"
    assert main(["--root", str(copy), "check"]) == 1
    assert f"its test {node} does not exist" not in capsys.readouterr().out
    path.write_text(path.read_text().replace("def test_nothing_at_all", "def nothing_at_all"), encoding="utf-8")
    assert main(["--root", str(copy), "check"]) == 1
    assert f"R03  REQ-F-VAL-007: its test {node} does not exist" in capsys.readouterr().out
