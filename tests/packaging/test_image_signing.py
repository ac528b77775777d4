"""What `make validate` does after the validation: sign, bind, ask the independent verifier, start, compare."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts.image import __main__ as tool
from scripts.image.engine import Engine
from scripts.image.errors import ImageError
from scripts.image.sign import bind_image, second_opinion, sign_report, start_time
from tests.validation.sealed import sealed_report
from validation.image.layout import Layout
from validation.signing.trust import read_trust

pytestmark = [
    pytest.mark.requirement("REQ-S-INS-001"),
    pytest.mark.needs("checkout", "package:cryptography"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report made in an image that a machine and two people must sign, and the image."""
    return sealed_report(tmp_path_factory.mktemp("made"), "executor, reviewer")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


@dataclass
class Container:
    """A stand-in for an engine: what a container answers, and what was asked of it."""

    code: int
    said: str
    asked: list[list[str]] = field(default_factory=list)

    def run(self, arguments: list[str]) -> tuple[int, str]:
        self.asked.append(arguments)
        return self.code, self.said


def test_keys_that_are_not_there_are_made_and_say_that_they_demonstrate(folder: Path):
    sign_report(folder / "report", folder / "keys")
    names = sorted(key.name for key in read_trust(folder / "keys/trust.json").keys.values())
    assert names == ["Demonstration key of the executor", "Demonstration key of the reviewer"]
    signatures = {path.name for path in (folder / "report/signatures").iterdir()}
    assert signatures == {"executor.dsse.json", "reviewer.dsse.json"}


def test_keys_that_are_there_sign_and_stay_as_they_are(folder: Path, tmp_path: Path):
    shutil.copytree(folder / "report", tmp_path / "first")
    sign_report(tmp_path / "first", folder / "keys")
    before = {path.name: path.read_bytes() for path in (folder / "keys").iterdir()}
    sign_report(folder / "report", folder / "keys")
    assert {path.name: path.read_bytes() for path in (folder / "keys").iterdir()} == before


def test_a_trust_file_with_two_keys_for_one_role_is_refused(folder: Path):
    sign_report(folder / "report", folder / "keys")
    trust = json.loads((folder / "keys/trust.json").read_text())
    for key in trust["keys"]:
        key["roles"] = ["executor", "reviewer"]
    (folder / "keys/trust.json").write_text(json.dumps(trust))
    shutil.rmtree(folder / "report/signatures")
    with pytest.raises(
        ImageError, match=r"trust\.json must name exactly one key for executor to sign with, it names 2"
    ):
        sign_report(folder / "report", folder / "keys")


def test_the_image_is_bound_under_its_own_digest(folder: Path):
    sign_report(folder / "report", folder / "keys")
    digest = bind_image(folder / "report", folder / "layout", folder / "keys")
    assert digest == Layout(folder / "layout").image()["digest"]


def test_the_independent_verifier_repeats_the_verdict(folder: Path):
    sign_report(folder / "report", folder / "keys")
    lines = second_opinion(folder / "report", folder / "keys")
    assert any("PASS" in line for line in lines)
    assert all(line.startswith("independent verifier: ") for line in lines)


def test_what_the_independent_verifier_refuses_stops_the_chain(folder: Path):
    sign_report(folder / "report", folder / "keys")
    with (folder / "report/outcomes.jsonl").open("a") as lines:
        lines.write("{}\n")
    with pytest.raises(ImageError, match=r"the independent verifier refuses the report: .*outcomes\.jsonl"):
        second_opinion(folder / "report", folder / "keys")


def test_the_first_start_is_locked_down_and_mounts_the_trust_file_alone(tmp_path: Path):
    container = Container(0, "checked\nready to serve")
    said = start_time(container, "name:1", tmp_path)
    assert said.startswith("image: first start ")
    assert said.endswith("; ready to serve")
    asked = " ".join(container.asked[0])
    for part in ("--network none", "--read-only", "--cap-drop ALL", f"--volume {tmp_path}/trust.json:/trust.json:ro"):
        assert part in asked
    assert asked.endswith("name:1 serve --trust /trust.json --check-only --accept-incomplete")


def test_a_service_that_does_not_start_is_an_error_with_its_own_words(tmp_path: Path):
    container = Container(3, "I20 the image's content is another")
    with pytest.raises(ImageError, match=r"does not start in its image \(exit code 3\):\nI20 the image's content"):
        start_time(container, "name:1", tmp_path)


@pytest.mark.parametrize(
    ("found", "last"), [("PASS", "--host 0.0.0.0"), ("INCOMPLETE", "--host 0.0.0.0 --accept-incomplete")]
)
def test_how_to_serve_is_said_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str, last: str):
    (tmp_path / "report").mkdir()
    (tmp_path / "report/report.json").write_text(json.dumps({"core": {"evaluation": {"verdict": found}}}))
    monkeypatch.setattr(Engine, "image_id", lambda engine, tag: "sha256:0")
    said = tool.summary("name:1", tmp_path, Engine("buildah", {"A": "b"}), tmp_path / "keys")
    assert f"run      A=b podman run {tool.LOCKED_DOWN} --publish 127.0.0.1:8080:8080" in said
    assert said.endswith(f"--volume {tmp_path}/keys/trust.json:/trust.json:ro name:1 serve --trust /trust.json {last}")
    unsigned = tool.summary("name:1", tmp_path, Engine("podman"), None)
    assert unsigned.endswith("--network none name:1 --help")


# ---- the report of the build before -------------------------------------------------------------------------------


def test_the_report_before_is_set_aside_and_nothing_else_of_its_build_is_kept(tmp_path: Path):
    evidence = tmp_path / "cxr"
    (evidence / "report").mkdir(parents=True)
    (evidence / "report/report.json").write_text("first")
    (evidence / "layout").mkdir()
    previous = tool.keep_previous(evidence)
    assert previous == tmp_path / "cxr-previous"
    assert (previous / "report.json").read_text() == "first"
    assert not evidence.exists()


def test_a_build_that_made_no_report_does_not_cost_the_one_before_it(tmp_path: Path):
    (tmp_path / "cxr-previous").mkdir()
    (tmp_path / "cxr-previous/report.json").write_text("first")
    (tmp_path / "cxr").mkdir()
    assert tool.keep_previous(tmp_path / "cxr") == tmp_path / "cxr-previous"
    assert (tmp_path / "cxr-previous/report.json").read_text() == "first"


def test_without_a_report_before_there_is_nothing_to_compare(tmp_path: Path):
    assert tool.keep_previous(tmp_path / "cxr") is None


def test_two_equal_reports_are_said_to_be_equal(folder: Path):
    said = tool.against(folder / "report", folder / "report")
    assert said.startswith(f"image: against the report before, in {folder}/report:\n")
    assert "nothing differs" in said


def test_a_report_before_that_no_longer_verifies_is_said_and_stops_nothing(folder: Path, tmp_path: Path):
    previous = Path(shutil.copytree(folder / "report", tmp_path / "previous"))
    (previous / "report.json").write_text("{}")
    said = tool.against(previous, folder / "report")
    assert said.startswith(f"image: not compared with the report before, in {previous}: I0")
