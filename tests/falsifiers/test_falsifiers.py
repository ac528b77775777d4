"""For each defect: the test that guards against it fails when it is there."""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from types import ModuleType

import numpy as np
import pytest

import medtorch
from medtorch import metrics
from medtorch.core.backends import reference
from medtorch.core.ops import arithmetic, conv
from medtorch.metrics import classification
from medtorch.optim import Adam
from medtorch.serialize import bundle, reader, selftest
from medtorch.serve import tiles
from tests.attacks import test_corpus as corpus
from tests.core import test_autograd as autograd
from tests.falsifiers.seeding import is_noticed
from tests.metrics import test_classification as classified
from tests.optim import test_resume as resume
from tests.oracles.windows import conv as slow_conv
from tests.serialize import test_bundle as bundles
from tests.serve import test_load as loading
from tests.serve import test_tiles as windows
from tests.serve.bundles import classifier


@pytest.fixture
def fresh(tmp_path):
    """A folder for each of the two runs of a test."""
    numbers = count()

    def folder():
        made = tmp_path / str(next(numbers))
        made.mkdir()
        return made

    return folder


@pytest.mark.requirement("REQ-F-BUN-002")
def test_a_loader_that_does_not_compare_digests_is_noticed(fresh):
    def seed(patch):
        patch.setattr(bundle, "check_sha256", lambda data, expected, name: None)

    assert is_noticed(lambda: bundles.test_another_digest_is_refused_before_anything_is_parsed("bundle", fresh()), seed)
    test = bundles.test_the_digests_inside_are_checked_even_when_the_bundle_is_looked_at_unverified
    assert is_noticed(lambda: test(fresh()), seed)


@pytest.mark.requirement("REQ-F-MOD-902")
def test_a_loader_that_does_not_compare_known_answers_is_noticed(fresh):
    def accept(case, index, *others):
        return selftest.GoldenResult(case, index, 0.0, 0.0)

    def seed(patch):
        patch.setattr(selftest, "_compare", accept)
        patch.setattr(selftest, "_same_bits", accept)

    def test():
        folder = fresh()
        made = folder / "b", classifier(folder / "b")
        loading.test_a_model_that_does_not_give_its_recorded_answers_is_refused(made, folder)

    assert is_noticed(test, seed)


@pytest.mark.requirement("REQ-S-SEC-001")
def test_a_reader_that_lets_any_class_of_a_file_pass_is_noticed(fresh):
    name = next(name for name, attack in corpus.TORCH.items() if "refused global" in attack.words)

    def seed(patch):
        patch.setattr(reader, "find_global", lambda module, name, context: OrderedDict)

    assert is_noticed(lambda: corpus.test_a_hostile_pytorch_file_is_refused(name, fresh()), seed)


@pytest.mark.requirement("REQ-F-AUT-001")
def test_a_gradient_with_the_wrong_sign_is_noticed():
    right = arithmetic.Mul.vjp

    def wrong(self, a, b, a_spec, b_spec, dy, needs):
        return right(self, a, b, a_spec, b_spec, -dy, needs)

    assert is_noticed(
        autograd.test_a_value_used_twice_gets_both_gradients,
        lambda patch: patch.setattr(arithmetic.Mul, "vjp", wrong),
    )


@pytest.mark.requirement("REQ-F-OPS-100")
@pytest.mark.parametrize("factor", [1.0001, -1.0])
def test_a_convolution_that_is_off_by_a_little_is_noticed(rng, factor):
    image, weight = rng.normal(size=(1, 2, 6, 5)).astype(np.float32), rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
    right = conv.Conv.forward

    def test():
        found = medtorch.nn.functional.conv2d(medtorch.from_numpy(image), medtorch.from_numpy(weight), padding=1)
        expected = slow_conv(image.astype(np.float64), weight.astype(np.float64), padding=1)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-5)

    def seed(patch):
        patch.setattr(conv.Conv, "forward", lambda self, *arguments: right(self, *arguments) * np.float32(factor))

    assert is_noticed(test, seed)


@pytest.mark.requirement("REQ-F-MET-001")
@pytest.mark.parametrize("metric", [metrics.precision, metrics.recall])
def test_metrics_with_truth_and_prediction_exchanged_are_noticed(metric):
    expected = {metrics.precision: [3 / 4, 2 / 3, 2 / 3], metrics.recall: [3 / 4, 2 / 4, 2 / 2]}[metric]
    right = classification.confusion_counts

    def seed(patch):
        patch.setattr(
            classification, "confusion_counts", lambda given, truth, **options: right(truth, given, **options)
        )

    assert is_noticed(lambda: classified.test_values_worked_out_on_paper(metric, expected), seed)


@pytest.mark.requirement("REQ-F-MOD-905")
def test_windows_blended_without_weights_are_noticed(rng):
    image = rng.normal(size=(1, 11, 6)).astype(np.float32)

    class Same:
        def normal(self, size):
            return image.reshape(size)

    assert is_noticed(
        lambda: windows.test_scores_that_differ_between_windows_are_weighted_as_a_slow_loop_says(Same()),
        lambda patch: patch.setattr(tiles, "window_weight", np.ones),
    )


@pytest.mark.requirement("REQ-F-OPT-006")
def test_an_optimizer_that_forgets_its_count_of_steps_is_noticed():
    right = Adam.load_state_dict

    def forgetful(self, state):
        right(self, state)
        for entry in self.state.values():
            entry["step"] = entry["step"] * 0

    def test():
        resume.test_a_resumed_run_gives_the_same_bits("Adam", {"lr": 0.1}, np.float64, np.random.default_rng(0))

    assert is_noticed(test, lambda patch: patch.setattr(Adam, "load_state_dict", forgetful))


def test_a_test_that_cannot_fail_is_told_apart():
    """The mechanism itself: a defect that no test looks at is not noticed."""
    assert not is_noticed(lambda: None, lambda patch: patch.setattr(reference, "__doc__", "another"))
    assert isinstance(reference, ModuleType)
    with pytest.raises(AssertionError):
        is_noticed(_fails, lambda patch: None)


def _fails():
    raise AssertionError("fails without any defect")
