"""`medtorch demo`: real images in, bundles, pictures and figures out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import medtorch
from medtorch.cli.demo import chest, reports
from medtorch.cli.demo.checkout import Checkout, find_checkout
from medtorch.data import read
from medtorch.errors import ConfigError
from tests.cli.commands import ROOT, here, run

pytestmark = pytest.mark.requirement("REQ-F-TRN-006")


def test_without_examples_it_says_what_is_missing(tmp_path, capsys):
    code, out, err = here(capsys, "demo", "--out", tmp_path / "o", "--checkout", tmp_path)
    assert (code, out) == (2, "")
    assert "holds no examples/chest_xray/labels.csv: the demo runs on the examples of a checkout of medtorch" in err
    assert not (tmp_path / "o").exists()


def test_somebody_else_s_classifier_answers_as_in_pytorch(tmp_path):
    made = chest.run(Checkout(ROOT), tmp_path, tmp_path)
    assert len(made.answers) == 25
    assert made.largest_difference < 1e-5  # the table has six decimals
    assert sum(one.right for one in made.answers) == 22  # as recorded with PyTorch 2.13.0
    assert medtorch.load_bundle(made.bundle, sha256=made.sha256).verified
    assert read(made.sheet).array.shape[2] == 3


def fake_validation(root: Path, code: int, verdict: str) -> Checkout:
    """A checkout whose validation writes a report with a verdict."""
    (root / "validation").mkdir(parents=True)
    (root / "validation" / "__init__.py").touch()
    (root / "validation" / "__main__.py").write_text(
        "import json, pathlib, sys\n"
        "out = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\n"
        "out.mkdir(parents=True, exist_ok=True)\n"
        f"judged = {{'verdict': '{verdict}', 'counts': {{'PASSED': 3}}}}\n"
        "text = {'core': {'evaluation': judged}, 'argv': sys.argv}\n"
        "(out / 'report.json').write_text(json.dumps(text))\n"
        f"print('no such service', file=sys.stderr) if {code} == 4 else None\n"
        f"sys.exit({code})\n"
    )
    return Checkout(root)


@pytest.mark.parametrize(("code", "verdict"), [(0, "PASS"), (1, "FAIL"), (2, "INCOMPLETE")])
def test_the_verdict_is_the_validation_s_own(tmp_path, code, verdict):
    checkout = fake_validation(tmp_path / "c", code, verdict)
    report = reports.run(checkout, "cxr-classifier", tmp_path / "b", "a" * 64, tmp_path / "r")
    assert (report.verdict, report.counts) == (verdict, {"PASSED": 3})
    said = json.loads((tmp_path / "r" / "report.json").read_text())["argv"]
    assert said[said.index("--bundle") + 1] == str(tmp_path / "b")
    assert said[said.index("--sha256") + 1] == "a" * 64


def test_a_validation_without_verdict_is_an_error_in_its_own_words(tmp_path):
    checkout = fake_validation(tmp_path / "c", 4, "none")
    with pytest.raises(ConfigError, match=r"^the validation of x gave no verdict: no such service$"):
        reports.run(checkout, "x", tmp_path / "b", "a" * 64, tmp_path / "r")


def test_the_checkout_is_found_from_the_sources():
    assert find_checkout(None).root == ROOT


@pytest.mark.slow
def test_the_whole_demo_but_the_reports(tmp_path):
    answer = run("demo", "--out", tmp_path / "o", "--skip", "validation")
    assert answer.returncode == 0, answer.stderr
    assert "22 of 25 right" in answer.stdout
    said = json.loads((tmp_path / "o" / "nuclei" / "dice.json").read_text())
    assert said["dice"] > 0.85
    assert said["low"] < said["dice"] < said["high"]
    assert said["images"] == len(list((tmp_path / "o" / "nuclei" / "overlays").iterdir())) == 8
    for name in ("chest_xray/sheet.png", "nuclei/sheet.png", "nuclei/training/metrics.png"):
        assert (tmp_path / "o" / name).is_file()
    digest = said["bundle_sha256"]
    assert medtorch.load_bundle(tmp_path / "o" / "bundles" / "nuclei-segmenter", sha256=digest).verified
    shutil.rmtree(tmp_path / "o")
