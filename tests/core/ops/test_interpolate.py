"""Resizing whole numbers, and where single pixels land. Oracle: tests/oracles/resize.py; PyTorch for float32 places."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import medtorch
from medtorch.core.ops.interpolate import interpolate
from tests.oracles import resize

pytestmark = pytest.mark.requirement("REQ-F-OPS-105")


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [False, True])
def test_bytes_are_rounded_once_a_dim(mode: str, antialias: bool, rng: np.random.Generator) -> None:
    # No cubic overshoot beyond 0 and 255, which is cut after each dim.
    x = rng.integers(64, 192, (1, 3, 9, 7), dtype=np.uint8)
    found = interpolate(medtorch.from_numpy(x), (5, 11), mode=mode, antialias=antialias)
    exact = np.clip(resize.interpolate(x.astype(float), (5, 11), None, mode, None, None, antialias), 0, 255)
    assert found.dtype is medtorch.uint8
    # Half a step a dim, the first one weighed again, and 255 times what 14-bit weights are off.
    assert np.abs(found.numpy() - exact).max() < 0.5 + 0.5 * 1.1 + 0.1


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.needs("torch")
def test_bytes_are_those_of_pytorch(
    mode: str, antialias: bool, rng: np.random.Generator, needs_torch: ModuleType
) -> None:
    for channels, size in ((3, (5, 11)), (1, (20, 3)), (6, (9, 30)), (3, (31, 40))):
        x = rng.integers(0, 256, (2, channels, 9, 7), dtype=np.uint8)
        found = interpolate(medtorch.from_numpy(x), size, mode=mode, antialias=antialias).numpy()
        resized = needs_torch.nn.functional.interpolate
        expected = resized(needs_torch.from_numpy(x), size, mode=mode, antialias=antialias).numpy()
        np.testing.assert_array_equal(found, expected, err_msg=f"{channels} {size}")


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.needs("torch")
def test_every_pixel_is_the_one_that_pytorch_takes(
    mode: str, rng: np.random.Generator, needs_torch: ModuleType
) -> None:
    for _ in range(300):
        n = int(rng.integers(1, 300))
        x = np.arange(n, dtype=np.float32 if rng.random() < 0.5 else np.float64)[None, None]
        how = {"size": int(rng.integers(1, 400))}
        if rng.random() < 0.5 and n > 10:
            how = {"scale_factor": float(rng.choice([0.1, 0.3, 1 / 3, 0.7, 1.5, 2.2]))}
        expected = needs_torch.nn.functional.interpolate(needs_torch.from_numpy(x), mode=mode, **how).numpy()
        found = interpolate(medtorch.from_numpy(x), mode=mode, **how).numpy()
        np.testing.assert_array_equal(found, expected, err_msg=f"{n} {how} {x.dtype}")


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_steps_of_images_are_rounded_to_float32_in_every_dtype(mode: str) -> None:
    half = 0.5 if mode == "nearest-exact" else 0.0
    found = 0
    for n, m in ((6, 74), (12, 74), (14, 46), (14, 23), (26, 44)):
        places = (np.arange(m, dtype=np.float32) + np.float32(half)) * (np.float32(n) / np.float32(m))
        finer = np.floor((np.arange(m) + half) * (n / m))
        x = medtorch.arange(n, dtype=medtorch.float64)
        rows = interpolate(x.reshape(1, 1, n, 1), (m, 1), mode=mode).reshape(-1)
        assert rows.tolist() == np.floor(places).tolist()
        found += int((np.floor(places) != finer).sum())
    assert found > 0, "in float64 another pixel would be nearest somewhere"


def test_area_is_the_mean_of_what_a_pixel_covers() -> None:
    x = medtorch.arange(16, dtype=medtorch.float32).reshape(1, 1, 4, 4)
    assert interpolate(x, 2, mode="area").tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
    assert interpolate(x, scale_factor=0.5, mode="area").tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]


def test_a_constant_image_stays_constant(rng: np.random.Generator) -> None:
    x = medtorch.full((1, 1, 13, 11), 0.7, dtype=medtorch.float64)
    for mode in ("bilinear", "bicubic"):
        for size in ((3, 4), (29, 17)):
            for antialias in (False, True):
                np.testing.assert_allclose(
                    interpolate(x, size, mode=mode, antialias=antialias).numpy(), 0.7, rtol=1e-12
                )


def test_the_scale_that_was_asked_for_counts_unless_it_is_to_be_recomputed() -> None:
    x = medtorch.arange(5, dtype=medtorch.float64).reshape(1, 1, 5)
    kept = interpolate(x, scale_factor=1.5, mode="linear")  # 7 pixels, 2/3 apart
    recomputed = interpolate(x, scale_factor=1.5, mode="linear", recompute_scale_factor=True)  # 5/7 apart
    np.testing.assert_allclose(kept.numpy()[0, 0, 3], (3 + 0.5) * 2 / 3 - 0.5)
    np.testing.assert_allclose(recomputed.numpy()[0, 0, 3], (3 + 0.5) * 5 / 7 - 0.5)
