"""Names, shapes and dtypes against the architecture; recorded answers against the model's."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.errors import GoldenError, StateDictError
from medtorch.serialize import Tolerance, check_state_dict, read_bundle, run_golden
from tests.serialize import bundles

pytestmark = pytest.mark.requirement("REQ-F-BUN-004")


@pytest.fixture
def bundle(tmp_path):
    return read_bundle(tmp_path / "b", sha256=bundles.save(tmp_path / "b"))


def test_weights_that_fit_are_taken(bundle):
    check_state_dict(bundle.weights, bundles.weights(), "b")
    assert run_golden(bundle, bundles.model)[0].largest_error == 0.0


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ({"scale": medtorch.ones(2)}, r"^b: the weights do not fit the architecture\n  unexpected: steps$"),
        ({**bundles.weights(), "bias": medtorch.ones(2)}, r"\n  missing: bias$"),
        (
            {**bundles.weights(), "scale": medtorch.ones(1, 2)},
            r"scale: is float32 \(2,\), the architecture has float32 \(1, 2\)$",
        ),
        (
            {**bundles.weights(), "steps": medtorch.tensor(1.0)},
            r"\n  steps: is int64 \(\), the architecture has float32 \(\)$",
        ),
        ({str(index): medtorch.ones(1) for index in range(20)}, r"missing: 0\n(.*\n)+  and 14 more$"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_every_difference(architecture, words, bundle):
    with pytest.raises(StateDictError, match=words):
        check_state_dict(bundle.weights, architecture, "b")


def test_the_golden_results_are_evidence(bundle):
    results = run_golden(bundle, lambda x: bundles.model(x) + 1e-4)
    assert [(result.case, result.output) for result in results] == [("ones", 0), ("halves", 0)]
    assert results[0].largest_error == pytest.approx(1e-4, rel=1e-2)  # float32 near 3
    assert results[0].share == pytest.approx(1 / 3, rel=1e-2)  # allowed where 2.0 is recorded: 1e-4 + 1e-4 * 2


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda x: bundles.model(x) + 0.01, r"'ones', output 0: 4 of 4 values differ; at \(0, \d\) the model"),
        (lambda x: bundles.model(x) * float("nan"), r"differ; at \(0, 0\) the model gives nan, recorded is 2.0"),
        (lambda x: bundles.model(x)[:1], r"output 0: is float32 \(1, 2\), recorded is float32 \(2, 2\)"),
        (lambda x: bundles.model(x).double(), r"output 0: is float64 \(2, 2\), recorded is float32 \(2, 2\)"),
        (lambda x: (bundles.model(x), x), r"the model gives 2 outputs, 1 are recorded"),
        (lambda x: None, r"output 0: the model gives a NoneType, not a tensor"),
    ],
)
def test_another_answer_is_refused(model, words, bundle):
    with pytest.raises(GoldenError, match=words):
        run_golden(bundle, model)


def test_the_tolerance_is_the_bundles_own(tmp_path):
    digest = bundles.save(tmp_path / "b", tolerance=Tolerance(absolute=0.1, relative=0.0))
    bundle = read_bundle(tmp_path / "b", sha256=digest)
    assert run_golden(bundle, lambda x: bundles.model(x) + 0.09)[0].share == pytest.approx(0.9, abs=1e-5)
    with pytest.raises(GoldenError, match=r"\(allowed: 0.1 \+ 0.0 \* \|recorded\|\)$"):
        run_golden(bundle, lambda x: bundles.model(x) + 0.11)
    digest = bundles.save(tmp_path / "c", tolerance=Tolerance(absolute=0.0, relative=0.0))
    exact = read_bundle(tmp_path / "c", sha256=digest)
    assert run_golden(exact, bundles.model)[0].share == 0.0
    with pytest.raises(GoldenError, match=r"values differ"):
        run_golden(exact, lambda x: bundles.model(x) + 1e-6)


def recorded_by(folder, arithmetic):
    return read_bundle(folder, sha256=bundles.save(folder, arithmetic=arithmetic))


@pytest.mark.requirement("REQ-F-BUN-007")
def test_under_the_arithmetic_that_recorded_them_answers_must_be_equal_bit_for_bit(tmp_path):
    bundle = recorded_by(tmp_path / "b", "kernels-1")
    assert bundle.manifest.arithmetic == "kernels-1"
    results = run_golden(bundle, bundles.model, "kernels-1")
    assert [(result.exact, result.largest_error) for result in results] == [(True, 0.0), (True, 0.0)]

    def one_bit_away(x):
        return medtorch.from_numpy(np.nextafter(bundles.model(x).numpy(), np.float32(9)))

    other_bits = r"'ones', output 0: is sha256 [0-9a-f]{64}, recorded by the same arithmetic is [0-9a-f]{64}: every bit"
    with pytest.raises(GoldenError, match=other_bits):
        run_golden(bundle, one_bit_away, "kernels-1")
    with pytest.raises(GoldenError, match=r"output 0: is float32 \(1, 2\), recorded is float32 \(2, 2\)"):
        run_golden(bundle, lambda x: bundles.model(x)[:1], "kernels-1")


@pytest.mark.requirement("REQ-F-BUN-007")
@pytest.mark.parametrize(
    ("recorded", "here"), [("kernels-1", "kernels-2"), ("kernels-1", None), (None, "kernels-1"), (None, None)]
)
def test_under_any_other_arithmetic_the_tolerance_holds(tmp_path, recorded, here):
    bundle = recorded_by(tmp_path / "b", recorded)
    results = run_golden(bundle, lambda x: bundles.model(x) + 1e-6, here)
    assert [result.exact for result in results] == [False, False]
    assert results[0].largest_error > 0


@pytest.mark.requirement("REQ-F-BUN-007")
def test_a_bundle_without_the_name_of_an_arithmetic_is_read_as_before(tmp_path):
    assert recorded_by(tmp_path / "b", None).manifest.arithmetic is None
    assert "arithmetic" not in (tmp_path / "b" / "bundle.json").read_text()
