"""A service image, really built and run as a device would run it: no network, read-only, no rights."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.image import __main__ as tool
from scripts.image.base import base_image, python_version
from scripts.image.bundle import Bundle, place
from scripts.image.context import lay_out
from scripts.image.engine import Engine, find_engine
from scripts.image.wheels import gather
from tests.packaging.commands import ROOT, run

pytestmark = [
    pytest.mark.requirement("REQ-F-INS-009"),
    pytest.mark.needs("container_engine", "checkout", "package:scikit_build_core"),
]

EXAMPLES = ROOT / "examples"
RUNTIME, FINAL = "localhost/medtorch-test-runtime:1", "localhost/medtorch-test-final:1"
IMAGE = "images/IM-0256-0001.jpeg"
LOCKED_DOWN = [
    *("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges", "--user", "10001:10001"),
]


@dataclass(frozen=True)
class Built:
    """An image and the engine that has it."""

    engine: Engine
    tag: str
    bundle: Bundle

    def run(self, *command: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """What a locked-down container answers."""
        return run([self.engine.name, *LOCKED_DOWN, *options, self.tag, *command], env=self.engine.settings)

    def shell(self, script: str) -> str:
        return self.run("-c", script, options=("--entrypoint", "sh")).stdout.strip()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    """The third-party LeNet of the examples as a bundle."""
    out = tmp_path_factory.mktemp("bundle") / "cxr-classifier"
    command = [
        sys.executable,
        "-m",
        "medtorch",
        "convert",
        EXAMPLES / "chest_xray/pneunomia_lenet.pt",
        "--arch",
        "lenet",
    ]
    command += ["--arch-arg", "num_classes=3", "--spec", EXAMPLES / "chest_xray.yaml", "--out", out]
    answer = run(command)
    assert answer.returncode == 0, answer.stdout
    return Bundle(out, json.loads(answer.stdout)["sha256"])


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An engine whose images lie apart from the machine's own, and go when the tests are done."""
    storage = tmp_path_factory.mktemp("storage")
    found = find_engine(tmp_path_factory.mktemp("engine"), storage)
    yield found
    if found.storage is None:
        run([found.name, "rmi", "--force", RUNTIME, FINAL, f"{FINAL}-evidence"])
    else:
        run([found.name, "rmi", "--all", "--force"], env=found.settings)
        shutil.rmtree(storage, ignore_errors=True)


@pytest.fixture(scope="module")
def runtime(bundle, engine, tmp_path_factory) -> Built:
    """The stage that the final image is, but for the report."""
    context = tmp_path_factory.mktemp("build") / "context"
    lay_out(context)
    gather(context / "wheels", native=shutil.which("c++") is not None)
    place(bundle, context / "bundle")
    arguments = {"BASE_IMAGE": base_image(engine), "PYTHON_VERSION": python_version(), "SERVICE": "cxr-classifier"}
    engine.build(context, RUNTIME, {**arguments, "BUNDLE_SHA256": bundle.sha256}, target="runtime")
    return Built(engine, RUNTIME, bundle)


def test_the_service_predicts_on_a_real_image_read_only_and_without_network(runtime):
    mount = ("--volume", f"{EXAMPLES / 'chest_xray'}:/data:ro")
    answer = runtime.run("predict", f"/data/{IMAGE}", options=mount)
    assert answer.returncode == 0, answer.stdout
    assert json.loads(answer.stdout)["bundle"]["verified"] is True
    found = json.loads(answer.stdout)["results"][0]
    with (EXAMPLES / "chest_xray/labels.csv").open(newline="") as lines:
        expected = next(row for row in csv.DictReader(lines) if row["file"] == IMAGE)  # from PyTorch 2.13.0, see README
    assert found["label"] == expected["label"]
    assert found["probabilities"]["NORMAL"] == pytest.approx(float(expected["lenet_p_normal"]), abs=1e-4)


def test_the_service_is_not_root_and_cannot_write_to_its_file_system(runtime):
    assert runtime.shell("id -u; touch /opt/bundle/x") == (
        "10001\ntouch: cannot touch '/opt/bundle/x': Read-only file system"
    )


def test_the_image_holds_no_compiler_no_installer_and_no_test_tool(runtime):
    programs = "cc gcc c++ g++ clang ld as make cmake ninja pip pip3 pytest apt-get git"
    assert runtime.shell(f"for name in {programs}; do command -v $name; done; true") == ""
    modules = "pip", "pytest", "hypothesis", "setuptools", "yaml", "jsonschema", "validation", "tests"
    code = f"from importlib.util import find_spec; print([name for name in {modules} if find_spec(name)])"
    assert runtime.run("-c", code, options=("--entrypoint", "python")).stdout.strip() == "[]"


def test_every_distribution_in_the_image_is_a_pinned_one(runtime):
    code = (
        "from importlib.metadata import distributions; "
        "print(sorted(f\"{d.name.lower().replace('_', '-')}=={d.version}\" for d in distributions()))"
    )
    answer = runtime.run("-c", code, options=("--entrypoint", "python")).stdout
    lines = (ROOT / "requirements/image.txt").read_text().splitlines()
    pinned = [line.split(" ")[0] for line in lines if "==" in line]
    assert json.loads(answer.replace("'", '"')) == sorted([*pinned, f"medtorch=={tool.__version__}"])


def test_the_image_adds_less_than_120_mb_to_its_base(runtime):
    kilobytes = int(runtime.shell("du -sk /opt | cut -f1"))
    assert kilobytes < 120_000


@pytest.mark.slow
@pytest.mark.requirement("REQ-S-INS-001")
def test_the_finished_image_carries_the_report_that_was_made_in_it(bundle, engine, tmp_path):
    made = build(engine, bundle, tmp_path)
    assert made.code == 0, made.said
    assert f"digest   {engine.image_id(made.tag)}" in made.said
    image = Built(engine, made.tag, bundle)
    for name in ("report.json", "report.html", "digests.json"):
        digest = image.shell(f"sha256sum /opt/evidence/{name} | cut -d' ' -f1")
        assert run(["sha256sum", made.evidence / "report" / name]).stdout.split()[0] == digest
    assert run([sys.executable, "-m", "validation", "verify", made.evidence / "report"]).stdout.startswith("intact: ")


@pytest.mark.slow
@pytest.mark.requirement("REQ-S-INS-001")
def test_an_image_with_a_tampered_bundle_is_not_made_and_its_report_is_kept(bundle, engine, tmp_path):
    tampered = tmp_path / "tampered"
    shutil.copytree(bundle.folder, tampered)
    weights = bytearray((tampered / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (tampered / "weights.safetensors").write_bytes(weights)
    made = build(engine, Bundle(tampered, bundle.sha256), tmp_path)
    assert made.code == 1
    assert "cxr-classifier was not validated, so there is no image; its report tells why" in made.said
    assert not engine.has(made.tag)
    assert "weights.safetensors" in (made.evidence / "report/report.json").read_text()


@dataclass(frozen=True)
class Made:
    """What `python -m scripts.image` did."""

    code: int
    said: str
    tag: str
    evidence: Path


def build(engine: Engine, bundle: Bundle, folder: Path) -> Made:
    """The whole way, as `make image` goes it."""
    evidence = folder / "evidence"
    command = [sys.executable, "-m", "scripts.image", "cxr-classifier", "--bundle", bundle.folder, "--tag", FINAL]
    command += ["--sha256", bundle.sha256, "--evidence", evidence]
    if engine.storage is not None:
        command += ["--storage", engine.storage]
    answer = run(command, seconds=3000)
    return Made(answer.returncode, answer.stdout, FINAL, evidence)
