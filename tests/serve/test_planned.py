"""Bundles with plans: predictions by the plan, nothing captured; plans of another model are not written or believed."""

from __future__ import annotations

import json

import numpy as np
import pytest

import medtorch
from medtorch.errors import ArgumentError, CompileError, ConfigError, DigestError, FormatError, GoldenError, SaveError
from medtorch.models import get_model
from medtorch.serialize import pack_plans
from medtorch.serialize.plans import CONSTANTS, PLANS
from medtorch.serve import load_bundle
from medtorch.serve.bundle import open_image
from tests.serve.bundles import classifier

pytestmark = pytest.mark.requirement("REQ-F-CMP-010")


def model_of(seed=1):
    medtorch.manual_seed(seed)
    return get_model("lenet", num_classes=3).eval()


def example():
    return medtorch.zeros(1, 1, 32, 32)


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A bundle with a plan for one image: its path, its digest, its model."""
    path = tmp_path_factory.mktemp("planned") / "bundle"
    model = model_of()
    return path, classifier(path, model=model, planned=medtorch.compile(model, example())), model


def test_a_service_starts_without_planning_and_predicts_the_same(planned, rng):
    path, digest, model = planned
    bundle = load_bundle(path, sha256=digest)
    image = rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)
    found = bundle.predict(image)
    assert bundle.planned is not None
    assert bundle.planned.stats()["captures"] == 0
    assert bundle.planned.stats()["plans_cached"] == 1
    prepared = bundle.prepare(open_image(image)).array
    with medtorch.no_grad():
        scores = model(medtorch.from_numpy(prepared[None])).softmax(1).numpy()[0]
    assert list(found.probabilities.values()) == pytest.approx(list(scores), abs=1e-5)


@pytest.mark.requirement("REQ-F-CMP-011")
def test_a_service_may_keep_the_plans_alone(planned, rng):
    path, digest, _ = planned
    whole, lean = load_bundle(path, sha256=digest), load_bundle(path, sha256=digest, release=True)
    image = rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)
    assert lean.predict(image).probabilities == whole.predict(image).probabilities
    assert lean.golden == whole.golden
    with pytest.raises(CompileError, match=r"was released when its model was compiled \(release=True\)"):
        lean.model(example())
    with pytest.raises(CompileError, match=r"released: there is no plan for inputs float32 \(2, 1, 32, 32\)$"):
        lean.planned(medtorch.zeros(2, 1, 32, 32))


@pytest.mark.requirement("REQ-F-CMP-011")
def test_a_bundle_without_plans_cannot_give_up_its_model(tmp_path):
    digest = classifier(tmp_path / "plain")
    with pytest.raises(ArgumentError, match=r"plain: release=True needs plans for the device: there are none for cpu$"):
        load_bundle(tmp_path / "plain", sha256=digest, release=True)


def test_bundles_without_plans_have_none(tmp_path):
    digest = classifier(tmp_path / "plain")
    assert load_bundle(tmp_path / "plain", sha256=digest).planned is None


def test_the_digest_covers_the_plans(planned, tmp_path):
    path, digest, _ = planned
    copy = tmp_path / "copy"
    copy.mkdir()
    for one in path.iterdir():
        (copy / one.name).write_bytes(one.read_bytes())
    raw = bytearray((copy / CONSTANTS).read_bytes())
    raw[-1] ^= 1
    (copy / CONSTANTS).write_bytes(raw)
    with pytest.raises(DigestError, match=r"plans\.safetensors"):
        load_bundle(copy, sha256=digest)


def test_plans_of_another_model_are_not_written(tmp_path):
    compiled = medtorch.compile(model_of(), example())
    with pytest.raises(ConfigError, match="the plans are those of another model"):
        classifier(tmp_path / "other", model=model_of(), planned=compiled)


def test_plans_that_give_other_answers_are_not_written(tmp_path, monkeypatch):
    model = model_of()
    compiled = medtorch.compile(model, example())
    other = pack_plans(medtorch.compile(model_of(seed=5), example()))
    monkeypatch.setattr("medtorch.serve.save.pack_plans", lambda planned: other)
    with pytest.raises(SaveError, match=r"the plans do not give the recorded answers \(golden 'random'\)"):
        classifier(tmp_path / "wrong", model=model, planned=compiled)


def test_plans_that_were_put_in_by_hand_must_meet_the_recorded_answers(tmp_path):
    files = pack_plans(medtorch.compile(model_of(seed=5), example()))
    digest = classifier(tmp_path / "forged", files=files)
    with pytest.raises(GoldenError):
        load_bundle(tmp_path / "forged", sha256=digest)


@pytest.mark.parametrize("missing", [PLANS, CONSTANTS])
def test_one_of_the_two_files_alone_is_refused(missing, tmp_path):
    files = pack_plans(medtorch.compile(model_of(), example()))
    left = {name: data for name, data in files.items() if name != missing}
    digest = classifier(tmp_path / "half", files=left)
    with pytest.raises(FormatError, match=r"plans are plans\.json and plans\.safetensors"):
        load_bundle(tmp_path / "half", sha256=digest)


def test_a_plan_file_that_is_no_plan_is_refused(tmp_path):
    files = pack_plans(medtorch.compile(model_of(), example()))
    digest = classifier(tmp_path / "odd", files=files | {PLANS: json.dumps({"format": "medtorch.plans"}).encode()})
    with pytest.raises(FormatError, match="the plans: must have"):
        load_bundle(tmp_path / "odd", sha256=digest)
