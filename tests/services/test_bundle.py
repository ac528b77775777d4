"""The bundle under validation: it loads under its own digest only, and gives its known answers, the same ones twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import medtorch
from medtorch.errors import DigestError, LoadError
from tests.services.dataset import Row

pytestmark = pytest.mark.requirement("REQ-F-VAL-014")


def test_it_loads_under_its_digest_and_gives_its_golden_answers(bundle_path: Path, bundle_sha256: str, evidence):
    bundle = medtorch.load_bundle(bundle_path, sha256=bundle_sha256)
    assert bundle.verified
    assert bundle.sha256 == bundle_sha256
    assert bundle.golden
    for result in bundle.golden:
        evidence.check(f"golden case {result.case}, output {result.output}: share of tolerance", result.share, 0.0, 1.0)


@pytest.mark.parametrize("other", ["0" * 64, "f" * 64])
def test_it_does_not_load_under_another_digest(bundle_path: Path, other):
    with pytest.raises(DigestError, match="the bytes are not the expected ones"):
        medtorch.load_bundle(bundle_path, sha256=other)


@pytest.mark.parametrize("name", ["weights.safetensors", "golden.safetensors", "bundle.json"])
def test_one_edited_byte_is_refused(bundle_path: Path, bundle_sha256: str, tmp_path: Path, name):
    copy = tmp_path / "bundle"
    shutil.copytree(bundle_path, copy, copy_function=shutil.copyfile)
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(LoadError, match=name):
        medtorch.load_bundle(copy, sha256=bundle_sha256)


def test_the_same_image_gives_the_same_bits_in_every_load(bundle_path: Path, bundle_sha256: str, rows: list[Row]):
    first, second = (medtorch.load_bundle(bundle_path, sha256=bundle_sha256) for _ in range(2))
    for row in rows[:3]:
        once, again, other = first.predict(row.image), first.predict(row.image), second.predict(row.image)
        assert _bits(once) == _bits(again) == _bits(other)


def test_a_prediction_names_the_bundle_and_fits_the_image(bundle_path: Path, bundle_sha256: str, rows: list[Row]):
    bundle = medtorch.load_bundle(bundle_path, sha256=bundle_sha256)
    prediction = bundle.predict(rows[0].image)
    assert prediction.bundle_sha256 == bundle_sha256
    if hasattr(prediction, "mask"):
        assert prediction.mask.shape == prediction.image.size
        np.testing.assert_allclose(prediction.probabilities.sum(axis=0), 1.0, atol=1e-5)
    else:
        assert prediction.label in bundle.labels
        np.testing.assert_allclose(sum(prediction.probabilities.values()), 1.0, atol=1e-5)


def _bits(prediction: object) -> bytes:
    if hasattr(prediction, "mask"):
        return prediction.mask.tobytes() + prediction.probabilities.tobytes()
    return np.array(list(prediction.probabilities.values()), np.float64).tobytes()
