"""`medtorch bundle create | verify | inspect`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import medtorch
from medtorch.cli.pictures import write_png
from medtorch.serialize import GoldenCase, read_bundle, save_safetensors, write_bundle
from tests.cli.commands import here
from tests.serve.bundles import classifier, classifier_arguments

pytestmark = pytest.mark.requirement("REQ-F-CLI-004")

SPEC = """
name: made-from-a-spec
version: "1.0"
task: classification
architecture: {name: lenet, arguments: {num_classes: 2}}
input: {axes: NCHW, shape: [null, 1, 32, 32]}
preprocessing: [{op: grayscale}, {op: resize, size: [32, 32]}, {op: to_float}]
labels: [benign, malignant]
postprocessing: [{op: softmax}, {op: argmax}]
golden: [golden.png]
origin: {description: a test}
intended_use: tests
licence: {spdx: MIT, file: LICENSE}
"""


@pytest.fixture
def spec(tmp_path, rng):
    write_png(tmp_path / "golden.png", rng.integers(0, 256, (40, 50), "uint8"))
    (tmp_path / "LICENSE").write_text("free")
    (tmp_path / "spec.yaml").write_text(SPEC)
    model = medtorch.models.get_model("lenet", num_classes=2)
    save_safetensors(dict(model.state_dict()), tmp_path / "w.safetensors")
    return tmp_path


def test_created_bundles_verify_and_predict(spec, capsys):
    code, out, _ = here(
        capsys, "bundle", "create", spec / "spec.yaml", "--weights", spec / "w.safetensors", "--out", spec / "b.zip"
    )
    digest = json.loads(out)["sha256"]
    assert code == 0
    assert here(capsys, "bundle", "verify", spec / "b.zip", "--sha256", digest)[0] == 0
    assert set(medtorch.load_bundle(spec / "b.zip", sha256=digest).predict(spec / "golden.png").probabilities) == {
        "benign",
        "malignant",
    }
    assert read_bundle(spec / "b.zip", sha256=digest).files == {"LICENSE": b"free"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("task: classification", "task: classify", "spec.yaml.task: must be one of classification"),
        ("labels:", "lables:", "spec.yaml: needs the key 'labels' (there is 'lables')"),
        ("intended_use: tests", "intended_use: tests\nnote: x", "spec.yaml: unknown key 'note'"),
        ("{op: argmax}", "{op: vote}", "unknown op 'vote'"),
        (
            "{spdx: MIT, file: LICENSE}",
            "{spdx: MIT, file: LICENCE}",
            "LICENCE: cannot be read: No such file or directory",
        ),
    ],
)
def test_a_wrong_key_of_the_description_is_named(spec, capsys, old, new, message):
    (spec / "spec.yaml").write_text(SPEC.replace(old, new))
    code, out, err = here(
        capsys, "bundle", "create", spec / "spec.yaml", "--weights", spec / "w.safetensors", "--out", spec / "b"
    )
    assert code in (2, 3)
    assert out == ""
    assert message in err
    assert not (spec / "b").exists()


def test_verify_says_how_near_the_recorded_answers_were_met(tmp_path, capsys):
    digest = classifier(tmp_path / "b")
    code, out, _ = here(capsys, "bundle", "verify", tmp_path / "b", "--sha256", digest)
    answer = json.loads(out)
    assert code == 0
    assert answer["digest_named_by_caller"] is True
    recorded_by = read_bundle(tmp_path / "b", sha256=digest).manifest.arithmetic  # none by NumPy's kernels
    (met,) = answer["golden"]
    assert met.pop("bit_for_bit") is (recorded_by is not None)
    assert met == {"case": "random", "output": 0, "largest_error": 0.0, "share_of_tolerance": 0.0}


def test_verify_says_no_to_a_model_that_answers_otherwise(tmp_path, capsys):
    classifier(tmp_path / "b")
    data = read_bundle(tmp_path / "b", sha256=None, allow_unverified=True)
    case = data.golden[0]
    wrong = GoldenCase(case.name, case.inputs, (case.outputs[0].numpy() + 1,))
    digest = write_bundle(tmp_path / "c", data.description, data.weights, [wrong])
    code, out, err = here(capsys, "bundle", "verify", tmp_path / "c", "--sha256", digest)
    assert (code, out) == (1, "")
    assert "golden case 'random', output 0: 3 of 3 values differ" in err


@pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors", "golden.safetensors"])
def test_verify_finds_an_edited_byte_in_every_file(tmp_path, capsys, name):
    digest = classifier(tmp_path / "b")
    raw = bytearray((tmp_path / "b" / name).read_bytes())
    raw[len(raw) // 3] ^= 4
    (tmp_path / "b" / name).write_bytes(raw)
    code, out, err = here(capsys, "bundle", "verify", tmp_path / "b", "--sha256", digest)
    assert (code, out) == (3, "")
    assert name in err


def test_inspect_tells_what_is_inside_and_that_it_was_not_verified(tmp_path, capsys):
    digest = classifier(tmp_path / "b")
    code, out, _ = here(capsys, "bundle", "inspect", tmp_path / "b")
    said = json.loads(out)
    assert code == 0
    assert (said["sha256"], said["digest_named_by_caller"], said["task"]) == (digest, False, "classification")
    model = classifier_arguments()["model"]
    assert said["parameters"] == sum(parameter.numel() for parameter in model.parameters())


def test_inspect_checks_the_digests_inside(tmp_path, capsys):
    classifier(tmp_path / "b")
    (tmp_path / "b" / "weights.safetensors").write_bytes(b"0" * (tmp_path / "b" / "weights.safetensors").stat().st_size)
    code, _, err = here(capsys, "bundle", "inspect", tmp_path / "b")
    assert code == 3
    assert "weights.safetensors" in err


def test_a_description_is_data_and_not_changed_by_reading(tmp_path):
    digest = classifier(tmp_path / "b")
    data = read_bundle(tmp_path / "b", sha256=digest)
    again = write_bundle(
        tmp_path / "c", replace(data.description), data.weights, data.golden, arithmetic=data.manifest.arithmetic
    )
    assert again == digest
