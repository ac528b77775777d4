"""Bundles that earlier lines of medtorch wrote are read for ever: same weights, same answers, same mask.

The files in fixtures/ were written by the code of that time (fixtures/make.py) and are never written anew; a new line
adds its own. What they must give was printed by the line that wrote them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import medtorch
from medtorch.core.arithmetic import cpu_arithmetic
from medtorch.errors import DigestError
from medtorch.serialize import read_bundle
from tests.serve.fixtures.make import picture

pytestmark = pytest.mark.requirement("REQ-F-BUN-008")

FIXTURES = Path(__file__).parent / "fixtures"
# name -> (digest of the bundle, the arithmetic that recorded its answers)
LINES = {
    # the first line that wrote bundles: no arithmetic is named, the answers are NumPy's
    "first": ("254f8066bff49282e4cd567909c9849804c565e40393cf77cd18a1c1c964ccf3", None),
    "arithmetic-3": ("043c2c594db68bd61536630ecb9f21f750927b84aa8626f81ee6b484b8b2e3cd", "medtorch-cpu-3-default"),
    "arithmetic-4": ("da901ca62db6b8a489ae985d62f787a529381fb0470c427d15ae91ccdf44f319", "medtorch-cpu-4-default"),
    "arithmetic-5": ("ee0b58d5b6971401bda71ff7b5f3dd5bc2859792582bd0c254074335c35d1092", "medtorch-cpu-5-default"),
    "arithmetic-6": ("4a5946389d5a6407a9d78c8454165bc123d032cf4bdfb3414de3d6fd1a611229", "medtorch-cpu-6-default"),
}
WEIGHTS = "6b0a671d50d819110d5f2e64439a9bd54817b7dfa2aee54dae783477692710ae"
MASK = "d69aa4c9ca270209ad91e5674cdf86c22f942f4c3452e49e8583c42fed295c89"


@pytest.fixture(params=LINES)
def line(request):
    digest, arithmetic = LINES[request.param]
    return FIXTURES / f"{request.param}.zip", digest, arithmetic


def test_every_line_has_its_bundle_and_every_bundle_its_line():
    assert {path.stem for path in FIXTURES.glob("*.zip")} == set(LINES)


def test_it_loads_under_its_digest_with_the_same_weights_and_answers(line):
    path, digest, arithmetic = line
    bundle = medtorch.load_bundle(path, sha256=digest)
    assert read_bundle(path, sha256=digest).manifest.arithmetic == arithmetic
    weights = b"".join(value.numpy().tobytes() for value in bundle.model.state_dict().values())
    assert hashlib.sha256(weights).hexdigest() == WEIGHTS
    assert [answer.exact for answer in bundle.golden] == [arithmetic is not None and arithmetic == cpu_arithmetic()]


def test_it_predicts_the_mask_that_its_own_line_predicted(line):
    path, digest, _ = line
    mask = medtorch.load_bundle(path, sha256=digest).predict(picture()).mask
    assert (mask.shape, int(mask.sum()), hashlib.sha256(mask.tobytes()).hexdigest()) == ((9, 14), 22, MASK)


def test_it_is_refused_under_another_digest(line):
    path, digest, _ = line
    with pytest.raises(DigestError, match="the bytes are not the expected ones"):
        medtorch.load_bundle(path, sha256=digest[::-1])


def test_lines_live_side_by_side_in_one_process():
    loaded = {name: medtorch.load_bundle(FIXTURES / f"{name}.zip", sha256=LINES[name][0]) for name in LINES}
    masks = {name: bundle.predict(picture()).mask for name, bundle in loaded.items()}
    assert len({bundle.sha256 for bundle in loaded.values()}) == len(LINES)
    assert all((mask == masks["first"]).all() for mask in masks.values())
