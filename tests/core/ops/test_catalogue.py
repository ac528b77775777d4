"""What every op is checked for, row by row of the catalogue (tests/core/ops/catalogue.py).

Oracle    small steps in float64; NumPy formulas in float64 given by the rows; the reference backend for other backends;
          PyTorch where it is installed
"""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import medtorch
from tests.core.ops.catalogue import (
    OpRow,
    Sample,
    Slopes,
    arrays_in,
    changed,
    has_empty_floats,
    has_floats,
    mapped,
    numbers_out,
    run,
    tensor_of,
    tensors_out,
)

FAMILIES = sorted(file.stem for file in Path(__file__).parent.glob("rows_*.py"))

ROWS: list[OpRow] = [row for family in FAMILIES for row in importlib.import_module(f"tests.core.ops.{family}").ROWS]
BACKENDS = [pytest.param("cuda", marks=pytest.mark.needs("gpu"))]


def rows(choose: Any = lambda row: True) -> Any:
    return pytest.mark.parametrize("row", [row for row in ROWS if choose(row)], ids=lambda row: row.name)


@pytest.mark.requirement("REQ-F-OPS-001")
def test_every_row_has_a_name_of_its_own() -> None:
    names = [row.name for row in ROWS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.requirement("REQ-F-OPS-001")
@rows()
def test_samples_cover_no_element_and_no_dim_and_a_refusal(row: OpRow) -> None:
    samples = row.drawn()
    found = [a for s in samples for a in (*arrays_in(s.args), *arrays_in(tuple(s.kwargs.values())))]
    assert bool(row.no_empty) != any(a.size == 0 for a in found), "give an empty sample, or say in no_empty why not"
    assert bool(row.no_zero_dim) != any(a.ndim == 0 for a in found), "give a 0-d sample, or say in no_zero_dim why not"
    assert bool(row.no_refusal) != bool(row.refusals), "give a refused call, or say in no_refusal why there is none"


@pytest.mark.requirement("REQ-F-OPS-001")
@rows(lambda row: row.oracle is not None)
def test_results_follow_the_formula(row: OpRow) -> None:
    for sample in row.drawn():
        expected = numbers_out(row.oracle(*sample.args, **sample.kwargs))  # type: ignore[misc]
        for dtype in (medtorch.float64, medtorch.float32):
            found = run(row, sample, dtype=dtype)
            _compare(numbers_out(found), expected, _tolerance(row, found, row.oracle_tolerance), sample)


@pytest.mark.requirement("REQ-F-OPS-004")
@rows(lambda row: row.gradient)
def test_gradients_follow_small_steps(row: OpRow) -> None:
    samples = [s for s in row.drawn() if has_floats(s)]
    assert samples, "no sample has a float64 array"
    for sample in samples:
        for place, gap in enumerate(Slopes(row, sample).first_order_gaps()):
            assert gap < row.gradient_tolerance, f"{row.name}{sample}: input {place} is off by {gap:.2e}"


@pytest.mark.requirement("REQ-F-OPS-004")
@rows(lambda row: row.gradient and row.second_order)
def test_gradients_of_gradients_follow_small_steps(row: OpRow) -> None:
    for sample in (s for s in row.drawn() if has_floats(s)):
        gap = Slopes(row, sample).second_order_gap()
        assert gap < row.gradient_tolerance, f"{row.name}{sample}: off by {gap:.2e}"


@pytest.mark.requirement("REQ-F-OPS-004")
@rows(lambda row: row.gradient and any(has_empty_floats(sample) for sample in row.drawn()))
def test_empty_inputs_get_empty_gradients(row: OpRow) -> None:
    for sample in row.drawn():
        leaves: list[Any] = []

        def leaf(array: Any, leaves: list[Any] = leaves) -> Any:
            tensor = tensor_of(array)
            if array.dtype == np.float64:
                leaves.append(tensor.requires_grad_())
            return tensor

        args, kwargs = changed(sample, leaf)
        if not any(t.numel() == 0 for t in leaves):
            continue
        outs = [t for t in tensors_out(row.function(*args, **kwargs)) if t.requires_grad]
        found = (
            medtorch.autograd.grad([t.sum() for t in outs], leaves, allow_unused=True)
            if outs
            else (None,) * len(leaves)
        )
        assert all(g is None or g.shape == t.shape for g, t in zip(found, leaves, strict=True)), str(sample)


@pytest.mark.requirement("REQ-F-OPS-001")
@rows()
def test_inputs_are_left_as_they_were(row: OpRow) -> None:
    for sample in row.drawn():
        kept: list[tuple[Any, Any, int]] = []

        def keep(array: Any, kept: list[tuple[Any, Any, int]] = kept) -> Any:
            tensor = tensor_of(array)
            kept.append((tensor, array, tensor._version))
            return tensor

        args, kwargs = changed(sample, keep)
        row.function(*args, **kwargs)
        for tensor, array, version in kept:
            np.testing.assert_array_equal(tensor.numpy(), array, err_msg=str(sample))
            assert tensor._version == version, str(sample)


@pytest.mark.requirement("REQ-F-OPS-001")
@rows(lambda row: row.same_strides)
def test_the_order_in_memory_does_not_matter(row: OpRow) -> None:
    for sample in row.drawn():
        expected = numbers_out(run(row, sample))
        for relayout in (_transposed_storage, _every_other, _channels_last):
            args, kwargs = changed(sample, lambda a, relayout=relayout: medtorch.from_numpy(relayout(a)))
            _compare(numbers_out(row.function(*args, **kwargs)), expected, 1e-12, sample)


@pytest.mark.requirement("REQ-F-OPS-007")
@rows(lambda row: row.half is not None)
@pytest.mark.parametrize("dtype", [medtorch.float16, medtorch.bfloat16], ids=str)
def test_sixteen_bits_are_close_to_float32(row: OpRow, dtype: Any) -> None:
    rounding = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype.name]
    narrow = np.float16 if dtype.name == "float16" else ml_dtypes.bfloat16
    compared = 0
    for sample in row.drawn():

        def rounded(array: Any) -> Any:
            return array.astype(narrow).astype(np.float64) if array.dtype == np.float64 else array

        args, kwargs = changed(sample, rounded)
        same = Sample(args, kwargs)
        if not has_floats(sample):
            continue
        wide, close = run(row, same, dtype=medtorch.float32), run(row, same, dtype=dtype)
        for a, b in zip(tensors_out(wide), tensors_out(close), strict=True):
            compared += 1
            assert b.dtype is (dtype if a.dtype is medtorch.float32 else a.dtype), f"{row.name}{sample}: {b.dtype}"
        _compare(numbers_out(close), numbers_out(wide), (row.half or 0) * rounding, sample)
    assert compared


@pytest.mark.requirement("REQ-F-OPS-006")
@rows(lambda row: row.torch is not None)
@pytest.mark.needs("torch")
def test_results_dtypes_and_gradients_equal_those_of_pytorch(row: OpRow) -> None:
    torch = importlib.import_module("torch")
    function = partial(row.torch, torch) if callable(row.torch) else _named(torch, row.torch)
    for sample in row.drawn():
        for ours, theirs in ((medtorch.float64, torch.float64), (medtorch.float32, torch.float32)):
            found, leaves = _with_leaves(row.function, sample, lambda a, ours=ours: tensor_of(a, dtype=ours))
            wanted, peers = _with_leaves(function, sample, lambda a, theirs=theirs: _peer(torch, a, theirs))
            single = ours is medtorch.float32
            _compare(numbers_out(found), numbers_out(wanted), _tolerance(row, found, 1e-10), sample)
            names = [str(t.dtype).rsplit(".", 1)[-1] for t in tensors_out(found)]
            expected = [str(t.dtype).rsplit(".", 1)[-1] for t in _peers_out(torch, wanted)]
            assert names == expected, f"{row.name}{sample}: {names} where PyTorch has {expected}"
            if row.gradient and not single:
                _compare_gradients(torch, tensors_out(found), leaves, _peers_out(torch, wanted), peers, sample)


@pytest.mark.requirement("REQ-F-GPU-001")
@rows()
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_gives_what_the_reference_gives(row: OpRow, backend: str) -> None:
    for sample in row.drawn():
        for dtype in (medtorch.float64, medtorch.float32):
            expected, found = run(row, sample, dtype=dtype), run(row, sample, dtype=dtype, device=backend)
            for a, b in zip(tensors_out(expected), tensors_out(found), strict=True):
                assert b.device.type == backend, str(sample)
                assert b.dtype is a.dtype, str(sample)
            _compare(numbers_out(found), numbers_out(expected), _tolerance(row, found, 1e-10), sample)


REFUSALS = [pytest.param(row, refusal, id=f"{row.name}-{n}") for row in ROWS for n, refusal in enumerate(row.refusals)]


@pytest.mark.requirement("REQ-F-OPS-005")
@pytest.mark.parametrize(("row", "refusal"), REFUSALS)
def test_what_does_not_fit_is_refused_by_name(row: OpRow, refusal: Any) -> None:
    args = mapped(refusal.args, tensor_of)
    kwargs = {k: mapped(v, tensor_of) for k, v in refusal.kwargs.items()}
    with pytest.raises(refusal.error, match=refusal.match):
        row.function(*args, **kwargs)


# -- helpers --------------------------------------------------------------------------------------------------------


def _tolerance(row: OpRow, result: Any, tight: float) -> float:
    """`tight`, unless float32 takes part (whole numbers too become that where a function needs floating ones)."""
    return row.float32_tolerance if any(t.dtype is medtorch.float32 for t in tensors_out(result)) else tight


def _compare(found: list[Any], expected: list[Any], tolerance: float, sample: Sample) -> None:
    assert len(found) == len(expected), str(sample)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape, f"{sample}: shape {a.shape}, expected {b.shape}"
        if not a.size:
            continue
        if b.dtype.kind in "biu" and a.dtype.kind in "biu":
            np.testing.assert_array_equal(a, b, err_msg=str(sample))
            continue
        finite = np.abs(b[np.isfinite(b)])
        scale = max(1.0, float(finite.max())) if finite.size else 1.0
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=str(sample))


def _transposed_storage(array: Any) -> Any:
    """The same numbers stored column by column."""
    return np.asfortranarray(array) if array.ndim > 1 else array.copy()


def _every_other(array: Any) -> Any:
    """The same numbers in every other place of a larger array."""
    if array.ndim == 0:
        return array.copy()
    room = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    room[..., ::2] = array
    return room[..., ::2]


def _channels_last(array: Any) -> Any:
    """The same numbers with dim 1 innermost in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1) if array.ndim >= 3 else array.copy()


def _with_leaves(function: Any, sample: Sample, make: Any) -> tuple[Any, list[Any]]:
    leaves: list[Any] = []

    def leaf(array: Any) -> Any:
        tensor = make(array)
        if array.dtype == np.float64:
            leaves.append(tensor.requires_grad_())
        return tensor

    args, kwargs = changed(sample, leaf)
    return function(*args, **kwargs), leaves


def _named(module: Any, dotted: Any) -> Any:
    found = module
    for part in dotted.split("."):
        found = getattr(found, part)
    return found


def _peer(torch: Any, array: Any, dtype: Any) -> Any:
    tensor = torch.from_numpy(array.copy())
    return tensor.to(dtype) if array.dtype == np.float64 else tensor


def _peers_out(torch: Any, result: Any) -> list[Any]:
    if isinstance(result, torch.Tensor):
        return [result]
    return [t for part in result for t in _peers_out(torch, part)] if isinstance(result, (list, tuple)) else []


def _compare_gradients(
    torch: Any, outs: list[Any], leaves: list[Any], peer_outs: list[Any], peers: list[Any], sample: Sample
) -> None:
    assert [t.requires_grad for t in outs] == [t.requires_grad for t in peer_outs], (
        f"{sample}: what requires grad differs"
    )
    for out, peer_out in zip(outs, peer_outs, strict=True):
        if not out.requires_grad:
            continue
        weight = np.random.default_rng(5).uniform(0.5, 1.5, tuple(out.shape))
        mine = medtorch.autograd.grad(out, leaves, medtorch.from_numpy(weight), retain_graph=True, allow_unused=True)
        theirs = peer_out.new_tensor(weight)
        other = torch.autograd.grad(peer_out, peers, theirs, retain_graph=True, allow_unused=True)
        for a, b, leaf in zip(mine, other, leaves, strict=True):
            if b is not None:  # what PyTorch does not differentiate, the small steps judge
                _compare(numbers_out(np.zeros(tuple(leaf.shape)) if a is None else a), numbers_out(b), 1e-9, sample)
