"""Saving a bundle: described, rebuilt, compared and written whole."""

from __future__ import annotations

import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ConfigError, SaveError, SchemaError, StateDictError
from medtorch.serialize import Tolerance, read_bundle
from tests.serve.bundles import classifier, classifier_arguments, segmenter

pytestmark = pytest.mark.requirement("REQ-F-MOD-906")


def test_the_same_model_makes_the_same_bytes(tmp_path):
    assert segmenter(tmp_path / "a") == segmenter(tmp_path / "b")


def test_golden_answers_are_those_of_the_model_at_rest(tmp_path):
    arguments = classifier_arguments()
    model = arguments["model"].train()
    digest = classifier(tmp_path / "a", model=model)
    assert model.training  # left as it was
    case = read_bundle(tmp_path / "a", sha256=digest).golden[0]
    with medtorch.no_grad():
        expected = model.eval()(case.inputs[0])
    assert (case.outputs[0].numpy() == expected.numpy()).all()


def test_preprocessing_is_written_with_every_default(tmp_path):
    digest = classifier(tmp_path / "a")
    resize = read_bundle(tmp_path / "a", sha256=digest).description.preprocessing[1]
    assert resize == {
        "op": "resize",
        "size": [32, 32],
        "interpolation": "bilinear",
        "antialias": True,
        "max_size": None,
    }


def test_tolerance_and_files_are_written(tmp_path):
    digest = classifier(tmp_path / "a", tolerance=Tolerance(1e-3, 0.0), files={"LICENSE.txt": b"free"})
    data = read_bundle(tmp_path / "a", sha256=digest)
    assert (data.manifest.tolerance, data.files) == (Tolerance(1e-3, 0.0), {"LICENSE.txt": b"free"})


def test_a_model_of_another_architecture_is_refused(tmp_path):
    with pytest.raises(StateDictError, match=r"the weights do not fit the architecture"):
        classifier(tmp_path / "a", model=nn.Linear(2, 3))
    assert not (tmp_path / "a").exists()


def test_a_model_that_computes_something_else_is_refused(tmp_path):
    model = classifier_arguments()["model"]
    model.classifier[1] = nn.Tanh()  # the same weights, another function
    with pytest.raises(SaveError, match=r"computes something else than lenet with its weights \(golden 'random'\)$"):
        classifier(tmp_path / "a", model=model)


def test_a_bundle_without_golden_input_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"a bundle needs at least one golden input$"):
        classifier(tmp_path / "a", golden_inputs={})


def test_steps_that_there_are_not_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"^preprocessing\[0\]: unknown op 'sharpen'"):
        classifier(tmp_path / "a", preprocessing=[{"op": "sharpen"}])
    with pytest.raises(ConfigError, match=r"^postprocessing\[0\]: unknown op 'vote'"):
        classifier(tmp_path / "a", postprocessing=[{"op": "vote"}])


def test_an_older_bundle_is_replaced_only_when_asked(tmp_path):
    digest = classifier(tmp_path / "a")
    with pytest.raises(SaveError, match=r"exists already"):
        classifier(tmp_path / "a", version="2.0")
    assert medtorch.load_bundle(tmp_path / "a", sha256=digest).description.version == "1.0"
    assert medtorch.load_bundle(tmp_path / "a", sha256=classifier(tmp_path / "a", version="2.0", overwrite=True))


def test_a_description_against_the_schema_is_refused(tmp_path):
    with pytest.raises(SchemaError, match=r"\$\.name"):
        classifier(tmp_path / "a", name="no spaces please")
