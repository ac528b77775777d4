"""Keywords that every function that makes tensors takes."""

from __future__ import annotations

import pytest

import medtorch
from medtorch.errors import DtypeError, ShapeError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-CPT-005")


def test_sizes_can_be_given_by_keyword():
    assert medtorch.zeros(size=(2, 3)).shape == (2, 3)
    assert medtorch.randn(size=(4,)).shape == (4,)
    assert medtorch.ones(1).new_zeros(size=(2,)).shape == (2,)


def test_torchs_own_keywords_are_taken():
    x = medtorch.full_like(medtorch.ones(2), 3, layout=medtorch.strided, pin_memory=False)
    assert x.tolist() == [3.0, 3.0]
    like = medtorch.rand_like(medtorch.ones(1, 2, 2, 2), memory_format=medtorch.channels_last)
    assert like.is_contiguous(memory_format="channels_last")


def test_a_result_can_be_put_into_a_tensor():
    out = medtorch.zeros(3, dtype=medtorch.int64)
    assert medtorch.arange(3, out=out) is out
    assert out.tolist() == [0, 1, 2]
    with pytest.raises(ShapeError, match=r"^zeros: out has the shape \(3,\), the result \(2,\)$"):
        medtorch.zeros(2, out=out)
    with pytest.raises(DtypeError, match=r"^zeros: out is int64, the result float32$"):
        medtorch.zeros(3, out=out, dtype=medtorch.float32)


def test_what_is_not_offered_is_refused_by_name():
    with pytest.raises(UnsupportedError, match=r"^empty: layout='sparse_coo': only 'strided' is supported$"):
        medtorch.empty(2, layout="sparse_coo")
    with pytest.raises(UnsupportedError, match=r"^ones: pin_memory=True: page-locked memory is not offered$"):
        medtorch.ones(2, pin_memory=True)


def test_torch_names_its_parameters_at_the_top():
    x = medtorch.arange(6.0).reshape(2, 3)
    assert [p.shape for p in medtorch.split(tensor=x, split_size_or_sections=[1, 2], dim=1)] == [(2, 1), (2, 2)]
    assert medtorch.swapaxes(x, axis0=0, axis1=1).shape == (3, 2)
    assert medtorch.det(input=medtorch.eye(2)).item() == 1
    assert medtorch.broadcast_to(medtorch.ones(1), shape=(2, 2)).shape == (2, 2)
    assert medtorch.promote_types(type1=medtorch.int8, type2=medtorch.float16) is medtorch.float16
    assert medtorch.can_cast(from_=medtorch.int8, to=medtorch.float16)
