"""A small checkout to validate: one source document, a handful of requirements, tests of every kind, two services."""

from __future__ import annotations

import copy
import json
import platform
from pathlib import Path
from typing import Any

import pytest

from validation import commands, run
from validation.canonical import file_sha256
from validation.cli import main
from validation.distributions import Installed
from validation.soup import surroundings
from validation.strict_yaml import dump_yaml
from validation.trace import fingerprint

SOURCE = """\
Description
A library.
Intended use on the device
- Load serialized deep learning models into memory.
Functional
- Serialization: Support for saving and loading models.
- GPU support: Offer comprehensive support for CUDA-enabled GPUs.
Performance
- Speed: Provide fast execution times.
Related risks
- 58. SOUP presents an anomaly.
"""

TESTS = """\
import pytest


@pytest.mark.requirement("REQ-F-SER-001")
@pytest.mark.parametrize("value", [1, 2])
def test_it_adds(value):
    assert value + 1 > value


@pytest.mark.requirement("REQ-F-GPU-001")
@pytest.mark.needs("gpu")
def test_it_computes_on_a_gpu():
    assert True


def test_that_shows_nothing():
    assert True
"""

PYTEST_INI = """\
[pytest]
testpaths = tests
addopts = --strict-markers -p validation.plugin
xfail_strict = true
empty_parameter_set_mark = fail_at_collect
enable_assertion_pass_hook = true
"""


def environment_of(patch: pytest.MonkeyPatch, found: list[Installed]) -> None:
    """Let the tool find these distributions installed, and no files of others beside them."""
    patch.setattr(run, "installed", lambda: found)
    patch.setattr(commands, "installed", lambda: found)
    patch.setattr(surroundings, "_site_folders", list)


def requirement(identifier: str, section: str, quote: str, **changes: Any) -> dict[str, Any]:
    """A requirement as the trace holds it; `tests=[...]` gives its test functions."""
    kind = {"F": "functional", "P": "performance", "S": "security"}[identifier.split("-")[1]]
    entry: dict[str, Any] = {
        "id": identifier,
        "title": f"About {identifier}",
        "type": kind,
        "text": "The library shall do as it says.",
        "rationale": "Because the source asks for it.",
        "source": {"section": section, "quote": quote},
        "intended_use": ["UC-1-load"],
        "safety_relevant": False,
        "risks": [58],
        "requires": {"capabilities": ["cpu"]},
        "acceptance": {"predicate": "every assertion of its tests holds"},
        "status": "draft",
        "tests": [],
    }
    entry |= {key: value for key, value in changes.items() if key != "tests"}
    entry["tests"] = [{"node": node} for node in changes.get("tests", [])]
    entry["fingerprint"] = fingerprint(entry)
    entry["history"] = [
        {"date": "2026-01-01", "by": "somebody", "change": "created", "fingerprint": entry["fingerprint"]}
    ]
    return entry


def requirements() -> list[dict[str, Any]]:
    serialization = ("Functional/Serialization", "saving and loading models")
    gpu = ("Functional/GPU support", "support for CUDA-enabled GPUs")
    speed = ("Performance/Speed", "fast execution times")
    limit = {"metric": "ratio", "operator": "<=", "threshold": 1.5, "unit": "1", "healthy": 1.0, "defect": 2.0}
    return [
        requirement("REQ-F-SER-001", *serialization, tests=["tests/test_all.py::test_it_adds"]),
        requirement(
            "REQ-F-GPU-001",
            *gpu,
            requires={"capabilities": ["gpu"]},
            tests=["tests/test_all.py::test_it_computes_on_a_gpu"],
        ),
        requirement("REQ-P-SPD-001", *speed, acceptance=limit, unverified={"reason": "There is no benchmark yet."}),
    ]


def service(name: str, **changes: Any) -> dict[str, Any]:
    made = {
        "schema": "medtorch.service/1",
        "service": name,
        "title": f"The service {name}",
        "kind": "classifier",
        "template": False,
        "safety_class": "unset",
        "intended_use": "To be validated in a test.",
        "limitations": ["Made for a test."],
        "soup": {"medtorch": "0.1.0"},
        "bundle": {"path": "bundle", "sha256": None},
        "claims": {"devices": ["cpu"]},
        "requirements": {"include": ["REQ-F-SER-*"], "not_applicable": []},
        "model_acceptance": [],
    }
    return copy.deepcopy({**made, **changes})


class Project:
    """The checkout in a folder, with the commands run on it as a user would run them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("validation/sources/source.txt", SOURCE)
        self.write("pytest.ini", PYTEST_INI)
        self.write("tests/test_all.py", TESTS)
        weights = self.write("bundle/weights.safetensors", "weights")
        files = {"weights.safetensors": {"sha256": file_sha256(weights)}}
        self.write("bundle/bundle.json", json.dumps({"name": "a model", "version": "1", "files": files}))
        self.write_trace(requirements())
        self.service("good", bundle={"path": "bundle", "sha256": file_sha256(root / "bundle/bundle.json")})
        self.service("blank", template=True, bundle=None, kind="unset")

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def edit(self, path: str, old: str, new: str) -> None:
        target = self.root / path
        text = target.read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"{path} does not hold {old!r}")
        target.write_text(text.replace(old, new), encoding="utf-8")

    def write_trace(self, entries: list[dict[str, Any]]) -> None:
        source = "validation/sources/source.txt"
        tests = sorted((self.root / "tests").rglob("*.py"))
        data = {
            "schema": "medtorch.requirements/1",
            "source_document": {"title": "A source", "file": source, "sha256": file_sha256(self.root / source)},
            "intended_uses": [{"id": "UC-1-load", "quote": "Load serialized deep learning models into memory."}],
            "risks": [{"id": 58, "quote": "58. SOUP presents an anomaly."}],
            "requirements": entries,
            "test_files": {path.relative_to(self.root).as_posix(): file_sha256(path) for path in tests},
        }
        self.write("requirements_trace.yaml", "# A trace.\n" + dump_yaml(data))

    def service(self, name: str, **changes: Any) -> None:
        self.write(f"validation/services/{name}.yaml", dump_yaml(service(name, **changes)))

    def record_everything(self, distributions: list[Installed]) -> None:
        """A reviewed record for each of these distributions and for Python, so that a PASS is possible."""
        for entry in distributions:
            self.record(entry.key, entry.name, entry.version, license=entry.license or "MIT")
        self.record("cpython", None, platform.python_version(), kind="runtime")

    def record(self, soup_id: str, distribution: str | None, version: str, **changes: Any) -> None:
        self.write(f"soup_records/{soup_id}.yaml", dump_yaml(soup_record(soup_id, distribution, version, **changes)))

    def command(self, *arguments: str) -> int:
        """Run a command of `python -m validation` in this process; returns the exit code."""
        return main(["--root", str(self.root), *arguments])

    def run(self, name: str = "good", *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run `run`; returns the exit code and the report."""
        code = self.command("run", "--service", name, "--out", str(self.out), *arguments)
        return code, json.loads((self.out / "report.json").read_text(encoding="utf-8"))

    @property
    def out(self) -> Path:
        return self.root / "out" / "report"


def soup_record(soup_id: str, distribution: str | None, version: str, **changes: Any) -> dict[str, Any]:
    answered = {"versions": [version], "reviewer": "a reviewer", "date": "2026-01-02", "evidence": "Read it."}
    source = {"name": "OSV", "retrieved": "2026-01-02", "query": soup_id, "snapshot_sha256": "0" * 64}
    made = {
        "schema": "medtorch.soup/1",
        "soup_id": soup_id,
        "name": soup_id,
        "kind": changes.pop("kind", "distribution"),
        "distribution": distribution,
        "used_in": ["runtime"],
        "record": {
            "created": "2026-01-01",
            "editor": "an editor",
            "supervisor": "open",
            "approval": {"status": "open", "date": None},
        },
        "description": "Something that is installed.",
        "general": {
            "developers": "its developers",
            "open_source": True,
            "languages": ["Python"],
            "repository": "https://example.org/repository",
            "license": {"spdx": changes.pop("license", "MIT")},
            "operating_systems": ["Linux"],
            "maintenance": {"status": "maintained", "checked_on": "2026-01-01", "method": "Looked at its releases."},
        },
        "intended_use": ["To be there in a test."],
        "not_used_for": [],
        "requirements": [],
        "system_requirements": {"software": ["None, it is a test."], "hardware": ["None, it is a test."]},
        "documentation": {
            "url": "https://example.org/documentation",
            "checklist": [{"item": item, "answer": "yes", **answered} for item in ("The first item.", "The second.")],
        },
        "versions": [
            {
                "version": version,
                "purl": f"pkg:pypi/{soup_id}@{version}",
                "upstream_tests": {"not_feasible": "It is made for a test and has none."},
            }
        ],
        "risks": [{"id": 58, "cause": "It may not fit."}],
        "anomaly_sources": [{"name": "OSV", "url": "https://osv.dev", "kind": "advisory"}],
        "evaluations": [
            {
                "date": "2026-01-02",
                "reviewer": "a reviewer",
                "versions": [version],
                "sources": [source],
                "hits": [],
                "conclusion": "Nothing that matters to the test.",
            }
        ],
        "signatures": {"author": "an editor", "reviewer": "a reviewer", "approver": "an approver"},
    }
    return {**made, **changes}
