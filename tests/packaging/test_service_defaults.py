"""Inside an image the environment names the bundle and its digest; it can demand a digest and never waive one."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from tests.packaging.commands import ROOT, run

pytestmark = [pytest.mark.requirement("REQ-F-INS-009"), pytest.mark.needs("package:yaml")]

CHEST = ROOT / "examples/chest_xray"
IMAGE = CHEST / "images/IM-0256-0001.jpeg"


def medtorch(*arguments, **environment: str):
    return run([sys.executable, "-m", "medtorch", *arguments], env=environment)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Folder and digest of the third-party LeNet as a bundle."""
    out = tmp_path_factory.mktemp("bundle") / "lenet"
    answer = medtorch(
        *("convert", CHEST / "pneunomia_lenet.pt", "--arch", "lenet", "--arch-arg", "num_classes=3"),
        *("--spec", ROOT / "examples/chest_xray.yaml", "--out", out),
    )
    assert answer.returncode == 0, answer.stdout
    return str(out), json.loads(answer.stdout)["sha256"]


def test_the_environment_names_bundle_and_digest(bundle):
    folder, digest = bundle
    answer = medtorch("predict", IMAGE, MEDTORCH_BUNDLE=folder, MEDTORCH_BUNDLE_SHA256=digest)
    assert answer.returncode == 0, answer.stdout
    assert json.loads(answer.stdout)["bundle"]["sha256"] == digest
    assert json.loads(answer.stdout)["bundle"]["verified"] is True


def test_a_bundle_of_the_environment_without_a_digest_is_refused(bundle):
    answer = medtorch("predict", IMAGE, MEDTORCH_BUNDLE=bundle[0])
    assert answer.returncode == 2
    assert "Name the digest that the bundle must have with --sha256" in answer.stdout


def test_another_bundle_than_the_environment_s_is_refused(bundle, tmp_path):
    folder, digest = bundle
    other = shutil.copytree(folder, tmp_path / "other")
    description = (other / "bundle.json").read_text()
    (other / "bundle.json").write_text(description.replace("cxr-classifier", "cxr-classifies", 1))
    answer = medtorch("predict", "--bundle", other, IMAGE, MEDTORCH_BUNDLE_SHA256=digest)
    assert answer.returncode == 3
    assert digest in answer.stdout


def test_the_command_line_goes_before_the_environment(bundle):
    folder, digest = bundle
    answer = medtorch("predict", "--sha256", digest, IMAGE, MEDTORCH_BUNDLE=folder, MEDTORCH_BUNDLE_SHA256="0" * 64)
    assert answer.returncode == 0, answer.stdout


def test_a_demanded_digest_cannot_be_waived(bundle):
    folder, digest = bundle
    answer = medtorch("predict", "--allow-unverified", IMAGE, MEDTORCH_BUNDLE=folder, MEDTORCH_BUNDLE_SHA256=digest)
    assert answer.returncode == 2
    assert "--sha256 and --allow-unverified contradict each other." in answer.stdout
