"""Loading a bundle: what is expected is loaded, what is not is refused by name, in a fixed order."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import medtorch
from medtorch.core import backends
from medtorch.core.arithmetic import cpu_arithmetic
from medtorch.errors import (
    ArgumentError,
    DigestError,
    FormatError,
    GoldenError,
    SchemaError,
    StateDictError,
)
from medtorch.serialize import GoldenCase, read_bundle, write_bundle
from tests.core.backends.cpu.conftest import native, sets
from tests.serve.bundles import classifier, segmenter

pytestmark = pytest.mark.requirement("REQ-F-MOD-901", "REQ-F-MOD-902")

__all__ = ["native", "sets"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "b"
    return path, classifier(path)


def rewritten(path, target, **changes):
    """The bundle with another description, every digest in order: only the model part can refuse it."""
    data = read_bundle(path, sha256=None, allow_unverified=True)
    weights = changes.pop("weights", data.weights)
    golden = changes.pop("golden", data.golden)
    return write_bundle(target, replace(data.description, **changes), weights, golden)


def test_the_public_name_loads_what_was_saved(made):
    path, digest = made
    bundle = medtorch.load_bundle(path, sha256=digest)
    assert (bundle.sha256, bundle.verified, bundle.name) == (digest, True, "small-classifier")
    assert not bundle.model.training
    assert not any(parameter.requires_grad for parameter in bundle.model.parameters())
    assert bundle.golden[0].largest_error == 0.0  # the same machine


def test_folder_and_zip_have_one_digest(tmp_path):
    assert classifier(tmp_path / "b") == classifier(tmp_path / "b.zip")
    assert medtorch.load_bundle(tmp_path / "b.zip", sha256=classifier(tmp_path / "c")).name == "small-classifier"


def test_no_digest_is_refused(made):
    with pytest.raises(ArgumentError, match=r"no expected digest: pass sha256="):
        medtorch.load_bundle(made[0])


def test_unverified_says_so(made):
    assert medtorch.load_bundle(made[0], allow_unverified=True).verified is False


def test_another_digest_is_refused_before_anything_is_parsed(made):
    (made[0] / "bundle.json").write_text("this is no JSON")
    with pytest.raises(DigestError, match=r"bundle.json: the bytes are not the expected ones"):
        medtorch.load_bundle(made[0], sha256=made[1])


@pytest.mark.parametrize("name", ["weights.safetensors", "golden.safetensors", "bundle.json"])
def test_one_flipped_bit_is_found_in_every_file(made, name):
    raw = bytearray((made[0] / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (made[0] / name).write_bytes(raw)
    with pytest.raises(DigestError, match=name):
        medtorch.load_bundle(made[0], sha256=made[1])


def test_a_file_that_is_not_of_the_bundle_is_refused(made):
    (made[0] / "extra.py").write_text("")
    with pytest.raises(FormatError, match=r"'extra.py' is not a file of this bundle"):
        medtorch.load_bundle(made[0], sha256=made[1])


def test_an_unknown_architecture_is_refused(made, tmp_path):
    data = read_bundle(made[0], sha256=made[1]).description
    digest = rewritten(made[0], tmp_path / "c", architecture=replace(data.architecture, name="lenot"))
    with pytest.raises(SchemaError, match=r"bundle.json: get_model: unknown model 'lenot'"):
        medtorch.load_bundle(tmp_path / "c", sha256=digest)


def test_an_unknown_argument_of_the_architecture_is_refused(made, tmp_path):
    data = read_bundle(made[0], sha256=made[1]).description
    digest = rewritten(made[0], tmp_path / "c", architecture=replace(data.architecture, arguments={"classes": 3}))
    with pytest.raises(SchemaError, match=r"bundle.json: get_model: lenet\(.*unexpected keyword argument 'classes'"):
        medtorch.load_bundle(tmp_path / "c", sha256=digest)


def test_an_unknown_preprocessing_step_is_refused(made, tmp_path):
    digest = rewritten(made[0], tmp_path / "c", preprocessing=({"op": "sharpen"},))
    with pytest.raises(SchemaError, match=r"bundle.json: preprocessing\[0\]: unknown op 'sharpen'"):
        medtorch.load_bundle(tmp_path / "c", sha256=digest)


def test_a_postprocessing_that_does_not_fit_is_refused(made, tmp_path):
    digest = rewritten(made[0], tmp_path / "c", postprocessing=({"op": "softmax"},))
    with pytest.raises(SchemaError, match=r"bundle.json: postprocessing: no decision"):
        medtorch.load_bundle(tmp_path / "c", sha256=digest)


def test_weights_of_another_shape_are_named(made, tmp_path):
    weights = read_bundle(made[0], sha256=made[1]).weights
    weights["classifier.4.bias"] = medtorch.zeros(4)
    digest = rewritten(made[0], tmp_path / "c", weights=weights)
    with pytest.raises(
        StateDictError, match=r"classifier.4.bias: is float32 \(4,\), the architecture has float32 \(3,\)"
    ):
        medtorch.load_bundle(tmp_path / "c", sha256=digest)


def test_missing_and_unexpected_weights_are_named(made, tmp_path):
    weights = read_bundle(made[0], sha256=made[1]).weights
    weights["surplus"] = weights.pop("classifier.4.bias")
    digest = rewritten(made[0], tmp_path / "c", weights=weights)
    with pytest.raises(StateDictError, match=r"missing: classifier.4.bias\n  unexpected: surplus"):
        medtorch.load_bundle(tmp_path / "c", sha256=digest)


def test_a_model_that_does_not_give_its_recorded_answers_is_refused(made, tmp_path):
    case = read_bundle(made[0], sha256=made[1]).golden[0]
    wrong = case.outputs[0].numpy().copy()
    wrong[0, 1] += 0.5
    golden = [GoldenCase(case.name, case.inputs, (wrong,))]
    digest = rewritten(made[0], tmp_path / "c", golden=golden)
    with pytest.raises(GoldenError, match=r"golden case 'random', output 0: 1 of 3 values differ; at \(0, 1\)"):
        medtorch.load_bundle(tmp_path / "c", sha256=digest)


def test_a_task_without_reading_loads_and_does_not_predict(tmp_path):
    digest = classifier(tmp_path / "b", task="regression", labels=(), postprocessing=[])
    bundle = medtorch.load_bundle(tmp_path / "b", sha256=digest)
    with pytest.raises(
        medtorch.errors.UnsupportedError, match=r"the task of this bundle is regression: call its model$"
    ):
        bundle.predict(np.zeros((32, 32), np.uint8))


def test_the_digest_is_that_of_bundle_json(made):
    assert made[1] == hashlib.sha256((made[0] / "bundle.json").read_bytes()).hexdigest()
    assert json.loads((made[0] / "bundle.json").read_text())["name"] == "small-classifier"


def test_a_segmenter_loads(tmp_path):
    digest = segmenter(tmp_path / "s")
    assert medtorch.load_bundle(tmp_path / "s", sha256=digest).description.task == "segmentation"


@pytest.mark.requirement("REQ-F-BUN-007")
def test_recorded_answers_are_met_bit_for_bit_by_every_kernel_set_and_number_of_threads(made, native, sets):
    path, digest = made
    assert read_bundle(path, sha256=digest).manifest.arithmetic == cpu_arithmetic()
    code = (
        "import sys, medtorch; print([g.exact for g in medtorch.load_bundle(sys.argv[1], sha256=sys.argv[2]).golden])"
    )
    for kernels in sets:
        variables = {"MEDTORCH_CPU_ISA": kernels.set.name, "MEDTORCH_NUM_THREADS": "3"}
        command = [sys.executable, "-c", code, str(path), digest]
        done = subprocess.run(
            command, env={**os.environ, **variables}, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.stdout == "[True]\n", done.stderr


@pytest.mark.requirement("REQ-F-BUN-007")
def test_another_arithmetic_is_held_to_the_tolerance(made, native, monkeypatch):
    path, digest = made
    assert medtorch.load_bundle(path, sha256=digest).golden[0].exact
    with medtorch.cpu_algorithms("direct"):
        assert not medtorch.load_bundle(path, sha256=digest).golden[0].exact
    monkeypatch.setattr(backends, "_cpu", lambda: backends._REFERENCE)
    assert cpu_arithmetic() is None
    assert not medtorch.load_bundle(path, sha256=digest).golden[0].exact
