"""`run`: one service, its requirements, its bundle; a report that is put in place in one step or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.validation.project import TESTS, Project, requirement, requirements
from validation.canonical import file_sha256
from validation.distributions import Installed

FUNCTION = "tests/test_all.py::test_it_adds"
SER = ("Functional/Serialization", "saving and loading models")


def bundle(project: Project) -> dict[str, str]:
    return {"path": "bundle", "sha256": file_sha256(project.root / "bundle" / "bundle.json")}


@pytest.mark.requirement("REQ-F-VAL-007")
def test_a_service_whose_requirements_all_pass_is_a_pass(project: Project):
    code, report = project.run()
    evaluation = report["core"]["evaluation"]
    assert (code, evaluation["verdict"], evaluation["counts"]["PASSED"]) == (0, "PASS", 1)
    assert (evaluation["executed"], evaluation["assertions"]) == (2, 2)
    assert [entry["id"] for entry in report["core"]["outside"]] == ["REQ-F-GPU-001", "REQ-P-SPD-001"]


@pytest.mark.requirement("REQ-F-VAL-007", "REQ-F-VAL-008")
def test_what_cannot_be_shown_here_makes_it_incomplete(project: Project):
    project.service("good", bundle=bundle(project), requirements={"include": ["REQ-*"], "not_applicable": []})
    code, report = project.run()
    assert (code, report["core"]["evaluation"]["verdict"]) == (2, "INCOMPLETE")


@pytest.mark.requirement("REQ-F-VAL-007")
def test_a_failing_test_is_a_fail(project: Project):
    project.edit("tests/test_all.py", "value + 1 > value", "value == 1")
    assert project.run()[0] == 1


@pytest.mark.requirement("REQ-F-VAL-007", "REQ-F-VAL-012")
def test_software_without_a_record_takes_the_pass_away(project: Project, environment: list[Installed]):
    environment.append(Installed("Gamma", "1", "", "MIT", "py3-none-any", "c" * 64, (), ()))
    code, report = project.run()
    assert code == 2
    assert "gamma" in [finding["where"] for finding in report["core"]["evaluation"]["findings"]]


@pytest.mark.requirement("REQ-F-VAL-007", "REQ-F-VAL-012")
def test_altered_software_is_a_fail(project: Project, environment: list[Installed]):
    environment[0] = Installed("Alpha", "1.0", "", "MIT", "py3-none-any", "a" * 64, (), ("alpha/core.py",))
    assert project.run()[0] == 1


@pytest.mark.requirement("REQ-F-VAL-011")
def test_a_template_is_refused(project: Project, capsys):
    assert project.command("run", "--service", "blank", "--out", str(project.out)) == 4
    assert "blank is a template: its owner must first write the service's bundle" in capsys.readouterr().err
    assert not project.out.exists()


@pytest.mark.requirement("REQ-F-VAL-011")
def test_an_unknown_service_is_refused_with_the_list(project: Project, capsys):
    assert project.command("run", "--service", "none", "--out", str(project.out)) == 4
    assert "there is no service 'none'; there are: blank, good" in capsys.readouterr().err


@pytest.mark.requirement("REQ-F-VAL-011")
@pytest.mark.parametrize(
    ("approver", "state", "code"), [("JD-000, A Person", "NOT_APPLICABLE", 0), ("open", "NOT_VERIFIED", 2)]
)
def test_only_an_approved_exclusion_is_one(project: Project, approver, state, code):
    exclusion = {"id": "REQ-F-GPU-001", "reason": "It claims no CUDA device.", "approved_by": approver}
    included = {"include": ["REQ-F-*"], "not_applicable": [exclusion]}
    project.service("good", bundle=bundle(project), requirements=included)
    found, report = project.run()
    states = {entry["id"]: entry["state"] for entry in report["core"]["evaluation"]["requirements"]}
    assert (found, states["REQ-F-GPU-001"]) == (code, state)


@pytest.mark.requirement("REQ-F-VAL-013")
def test_an_edited_byte_of_the_bundle_is_a_fail(project: Project):
    project.write("bundle/weights.safetensors", "weightz")
    code, report = project.run()
    message = "the bundle's weights.safetensors differs from the digest in its bundle.json"
    assert code == 1
    assert message in [finding["message"] for finding in report["core"]["evaluation"]["findings"]]


@pytest.mark.requirement("REQ-F-VAL-013")
def test_without_an_expected_digest_there_is_no_pass(project: Project):
    project.service("good")
    assert project.run()[0] == 2
    assert project.run("good", "--sha256", file_sha256(project.root / "bundle" / "bundle.json"))[0] == 0


@pytest.mark.requirement("REQ-F-VAL-013")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no bundle at"),
        ("no json", "not a bundle: its bundle.json is no JSON"),
        ("[]", "not a bundle: its bundle.json does not name its files"),
    ],
)
def test_what_is_no_bundle_is_refused(project: Project, capsys, text, message):
    if text is None:
        (project.root / "bundle" / "bundle.json").unlink()
    else:
        project.write("bundle/bundle.json", text)
    assert project.command("run", "--service", "good", "--out", str(project.out)) == 4
    assert message in capsys.readouterr().err


@pytest.mark.requirement("REQ-F-VAL-005")
def test_a_folder_that_is_no_report_is_not_replaced(project: Project, capsys):
    mine = project.write("out/report/mine.txt", "mine")
    assert project.command("run", "--service", "good", "--out", str(project.out)) == 4
    assert "exists and is no earlier report" in capsys.readouterr().err
    assert mine.read_text() == "mine"


@pytest.mark.requirement("REQ-F-VAL-005")
def test_a_run_that_gets_no_plan_leaves_the_earlier_report(project: Project, capsys):
    assert project.run()[0] == 0
    before = (project.out / "digests.json").read_bytes()
    project.write("tests/conftest.py", "raise RuntimeError('broken conftest')\n")
    assert project.command("run", "--service", "good", "--out", str(project.out)) == 4
    assert "pytest did not get as far as a plan" in capsys.readouterr().err
    assert (project.out / "digests.json").read_bytes() == before
    assert [path.name for path in project.out.parent.iterdir()] == ["report"]


@pytest.mark.requirement("REQ-F-VAL-005", "REQ-F-VAL-006")
def test_tests_after_a_crash_were_not_run(project: Project):
    crash = "\n\n@pytest.mark.requirement('REQ-F-SER-001')\ndef test_crashes():\n    import os\n    os._exit(0)\n"
    after = "\n\n@pytest.mark.requirement('REQ-F-SER-001')\ndef test_after():\n    assert True\n"
    project.write("tests/test_all.py", TESTS + crash + after)
    nodes = [FUNCTION, "tests/test_all.py::test_crashes", "tests/test_all.py::test_after"]
    project.write_trace([requirement("REQ-F-SER-001", *SER, tests=nodes), *requirements()[1:]])
    code, report = project.run()
    evaluation = report["core"]["evaluation"]
    states = {test["function"].split("::")[1]: test["state"] for test in evaluation["tests"]}
    assert code == 2
    assert states == {"test_it_adds": "PASSED", "test_crashes": "NOT_RUN", "test_after": "NOT_RUN"}
    assert "broke off before its end" in [finding["message"] for finding in evaluation["findings"]]


@pytest.mark.requirement("REQ-F-VAL-005", "REQ-F-VAL-006")
def test_tests_that_take_too_long_were_not_run(project: Project):
    project.edit("tests/test_all.py", "    assert value + 1 > value", "    import time; time.sleep(60); assert value")
    code, report = project.run("good", "--timeout", "5")
    assert code == 2
    assert report["core"]["evaluation"]["tests"][0]["state"] == "NOT_RUN"
    assert "stopped after 5 s" in (project.out / "pytest.txt").read_text()


@pytest.mark.requirement("REQ-F-VAL-005")
def test_a_killed_test_process_leaves_plan_and_outcomes_so_far(project: Project, tmp_path: Path):
    project.edit(
        "tests/test_all.py", "    assert value + 1", "    import time; time.sleep(60 * (value - 1)); assert value + 1"
    )
    request = project.write("request.json", json.dumps({"required": [FUNCTION], "requirements": []}))
    out = tmp_path / "evidence"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        f"--validation-request={request}",
        f"--validation-out={out}",
        "tests",
    ]
    checkout = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        command, cwd=project.root, env={**os.environ, "PYTHONPATH": str(checkout)}, stdout=subprocess.DEVNULL
    )
    outcomes = out / "outcomes.jsonl"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (not outcomes.is_file() or outcomes.read_text().count("\n") < 2):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    events = [json.loads(line)["event"] for line in outcomes.read_text().splitlines()]
    assert events == ["start", "outcome"]
    assert file_sha256(out / "plan.json") == json.loads(outcomes.read_text().splitlines()[0])["plan_sha256"]


@pytest.mark.requirement("REQ-F-VAL-005")
def test_changing_the_trace_during_the_run_is_a_fail(project: Project):
    line = "    from pathlib import Path; p = Path('requirements_trace.yaml'); p.write_text(p.read_text() + '# x\\n'); "
    project.edit("tests/test_all.py", "    assert value + 1", line + "assert value + 1")
    code, report = project.run()
    assert code == 1
    assert "R18" in [finding["rule"] for finding in report["core"]["evaluation"]["findings"]]


@pytest.mark.requirement("REQ-F-VAL-006")
def test_options_from_outside_cannot_leave_tests_out(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing_at_all")
    assert project.run()[0] == 0


@pytest.mark.requirement("REQ-F-VAL-006")
def test_a_conftest_that_drops_tests_leaves_them_not_run(project: Project):
    project.write("tests/conftest.py", "def pytest_collection_modifyitems(items):\n    items.clear()\n")
    code, report = project.run()
    assert code == 2
    assert report["core"]["evaluation"]["tests"][0]["state"] == "NOT_RUN"


@pytest.mark.requirement("REQ-F-VAL-006")
def test_stale_byte_code_without_assertion_hooks_does_not_hide_evidence(project: Project):
    ini = project.root / "pytest.ini"
    ini.write_text(ini.read_text().replace("enable_assertion_pass_hook = true", ""), encoding="utf-8")
    checkout = Path(__file__).resolve().parents[2]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests"],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    assert project.run()[0] == 0


@pytest.mark.requirement("REQ-F-VAL-010")
def test_two_runs_on_one_machine_have_the_same_core(project: Project):
    first = project.run()[1]
    time.sleep(1.1)
    second = project.run()[1]
    assert first["core_sha256"] == second["core_sha256"]
    assert first["volatile"]["made_at"] != second["volatile"]["made_at"]


@pytest.mark.requirement("REQ-F-VAL-006")
def test_python_without_assertions_is_refused(project: Project):
    checkout = Path(__file__).resolve().parents[2]
    for module in (["validation", "check"], ["pytest", "tests"]):
        ended = subprocess.run(
            [sys.executable, "-O", "-m", *module],
            cwd=project.root,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 4
        assert "python -O takes the assertions out of tests" in ended.stderr
