"""Tensors: what they are, where they lie, how they come and go."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import medtorch
from medtorch.errors import ArgumentError, AutogradError, DeviceError, DtypeError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-TEN-005")


def test_numpy_memory_is_shared_both_ways():
    array = np.arange(4.0)
    x = medtorch.from_numpy(array)
    x.add_(1)
    assert array.tolist() == [1.0, 2.0, 3.0, 4.0]
    x.numpy()[0] = 9
    assert x[0].item() == 9.0


def test_tensor_copies_its_data():
    array = np.zeros(2)
    x = medtorch.tensor(array)
    array[0] = 1
    assert x.tolist() == [0.0, 0.0]


@pytest.mark.requirement("REQ-F-TEN-002")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (1, "int64"),
        (1.5, "float32"),
        (True, "bool"),
        ([1, 2.5], "float32"),
        (np.float64(1), "float64"),
        (np.zeros(2, np.uint8), "uint8"),
    ],
)
def test_python_numbers_take_the_default_dtypes_and_arrays_keep_theirs(data, expected):
    assert medtorch.tensor(data).dtype.name == expected


@pytest.mark.requirement("REQ-F-TEN-002")
def test_promotion_follows_the_ranks_of_dims_scalars_and_numbers():
    i8, f32, f64 = medtorch.ones(2, dtype=medtorch.int8), medtorch.ones(2), medtorch.ones(2, dtype=medtorch.float64)
    zero_dim = medtorch.tensor(1.0, dtype=medtorch.float64)
    assert (i8 + 1).dtype is medtorch.int8
    assert (i8 + 1.5).dtype is medtorch.float32
    assert (f32 + zero_dim).dtype is medtorch.float32
    assert (i8 + zero_dim).dtype is medtorch.float64
    assert (f32 + f64).dtype is medtorch.float64
    assert (i8 / 2).dtype is medtorch.float32
    assert medtorch.promote_types(medtorch.uint8, medtorch.int8) is medtorch.int16
    assert (medtorch.ones(2, dtype=medtorch.bool) + True).dtype is medtorch.bool


@pytest.mark.requirement("REQ-F-TEN-002")
def test_finfo_and_iinfo_are_numpys():
    for d in (medtorch.float16, medtorch.float32, medtorch.float64):
        ours, theirs = medtorch.finfo(d), np.finfo(d.numpy)
        assert (ours.eps, ours.max, ours.min, ours.tiny, ours.bits) == (
            theirs.eps,
            theirs.max,
            theirs.min,
            theirs.tiny,
            theirs.bits,
        )
    for d in (medtorch.uint8, medtorch.int8, medtorch.int16, medtorch.int32, medtorch.int64):
        assert (medtorch.iinfo(d).min, medtorch.iinfo(d).max) == (np.iinfo(d.numpy).min, np.iinfo(d.numpy).max)
    with pytest.raises(DtypeError, match="is not a floating-point dtype; use iinfo"):
        medtorch.finfo(medtorch.int8)


@pytest.mark.requirement("REQ-F-TEN-003")
def test_devices_are_read_and_refused_by_name():
    assert medtorch.device("cuda:1") == medtorch.device("cuda", 1)
    assert str(medtorch.device("cuda:1")) == "cuda:1"
    assert medtorch.tensor(1).device == medtorch.device("cpu")
    with pytest.raises(DeviceError, match=r"no such device: 'mps'; have 'cpu', 'cuda', 'cuda:N'"):
        medtorch.device("mps")
    with pytest.raises(DeviceError, match="there is one cpu, got index 2"):
        medtorch.device("cpu:2")


def test_views_share_memory_and_copies_do_not():
    x = medtorch.zeros(2, 3)
    x.t().fill_(1)
    assert x.sum().item() == 6.0
    x.clone().fill_(5)
    assert x.sum().item() == 6.0
    y = medtorch.zeros(2, 3).t()
    with pytest.raises(
        ShapeError, match=r"^view: shape \(6,\) needs a copy of this memory; use reshape\(\)\n  input  \(3, 2\)"
    ):
        y.view(6)
    assert y.reshape(6).shape == (6,)


def test_to_takes_dtype_device_and_another_tensor():
    x = medtorch.ones(2)
    assert x.to(medtorch.float32) is x
    assert x.to("cpu") is x
    assert x.to(medtorch.float64).dtype is medtorch.float64
    assert x.to(device="cpu", dtype=medtorch.int8).dtype is medtorch.int8
    assert x.to(medtorch.zeros(1, dtype=medtorch.int16)).dtype is medtorch.int16
    assert x.to(torch_copy := medtorch.float32, copy=True) is not x
    assert torch_copy is medtorch.float32
    with pytest.raises(ArgumentError, match="to: unknown argument 'colour'"):
        x.to(colour=1)


def test_channels_last_is_a_matter_of_strides_alone():
    x = medtorch.arange(24.0).reshape(1, 2, 3, 4)
    y = x.contiguous(memory_format=medtorch.channels_last)
    assert y.is_contiguous(memory_format=medtorch.channels_last)
    assert not y.is_contiguous()
    assert medtorch.equal(x, y)
    assert y.stride() == (24, 1, 8, 2)


def test_a_tensor_of_one_element_becomes_a_number():
    x = medtorch.tensor([[2.5]])
    assert (x.item(), float(x), int(x), bool(x)) == (2.5, 2.5, 2, True)
    assert f"{medtorch.tensor(2.5):.2f}" == "2.50"
    assert [10, 20, 30][medtorch.tensor(1)] == 20
    with pytest.raises(ShapeError, match="item: only a tensor of one element becomes a number"):
        medtorch.ones(2).item()
    with pytest.raises(ShapeError, match="the truth of several elements is ambiguous"):
        bool(medtorch.ones(2))


def test_numpy_refuses_what_would_leave_the_graph_silently():
    x = medtorch.ones(2, requires_grad=True)
    with pytest.raises(AutogradError, match=r"use detach\(\)\.numpy\(\)"):
        x.numpy()
    assert x.numpy(force=True).tolist() == [1.0, 1.0]
    assert np.asarray(x.detach()).tolist() == [1.0, 1.0]


def test_dlpack_goes_both_ways_without_copying():
    array = np.arange(3.0)
    x = medtorch.from_dlpack(array)
    assert x.data_ptr() == array.ctypes.data
    assert np.from_dlpack(x).ctypes.data == array.ctypes.data


def test_deepcopy_gives_a_leaf_of_its_own():
    x = medtorch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad
    assert y.grad.tolist() == [2.0, 2.0]
    assert y.data_ptr() != x.data_ptr()
    with pytest.raises(AutogradError, match="only leaves can be copied deeply"):
        copy.deepcopy(x * 2)


def test_leaves_travel_between_processes():
    x = medtorch.ones(2, requires_grad=True)
    y = pickle.loads(pickle.dumps(x))
    assert y.tolist() == [1.0, 1.0]
    assert y.requires_grad
    with pytest.raises(AutogradError, match="only leaves can be sent to another process"):
        pickle.dumps(x * 2)


def test_comparing_with_what_is_no_number_is_plainly_false():
    x = medtorch.ones(2)
    assert (x == None) is False  # noqa: E711
    assert (x != None) is True  # noqa: E711


@pytest.mark.requirement("REQ-F-TEN-002")
def test_whole_numbers_that_do_not_fit_wrap_around_as_in_torch():
    """Recorded: PyTorch 2.13."""
    x = medtorch.tensor([255, 1], dtype=medtorch.uint8)
    assert (x == -1).tolist() == [True, False]
    assert (x + -1).tolist() == [254, 0]
    assert x.clone().fill_(-1).tolist() == [255, 255]
    assert medtorch.full((1,), -1, dtype=medtorch.uint8).tolist() == [255]
    assert medtorch.tensor([-1], dtype=medtorch.uint8).tolist() == [255]


def test_numbers_on_the_left_work_too():
    x = medtorch.tensor([2.0, 4.0])
    assert (1 - x).tolist() == [-1.0, -3.0]
    assert (8 / x).tolist() == [4.0, 2.0]
    assert (2**x).tolist() == [4.0, 16.0]
    assert (7 // x).tolist() == [3.0, 1.0]
    assert (7 % x).tolist() == [1.0, 3.0]


def test_arithmetic_with_arrays_on_the_left_gives_tensors():
    assert isinstance(np.float32(2) * medtorch.ones(2), medtorch.Tensor)


@pytest.mark.requirement("REQ-F-TEN-001")
def test_an_error_names_the_op_and_every_input():
    with pytest.raises(ShapeError) as caught:
        medtorch.ones(2, 3) + medtorch.ones(4, dtype=medtorch.float32)
    assert (
        str(caught.value)
        == "add: shapes do not broadcast\n  input  (2, 3)  float32  cpu\n  other  (4,)    float32  cpu"
    )
    assert isinstance(caught.value, medtorch.errors.MedtorchError)
    assert isinstance(caught.value, RuntimeError)


@pytest.mark.requirement("REQ-F-TEN-006")
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: medtorch.tensor([[1.0, 2.0]]), "tensor([[1., 2.]])"),
        (lambda: medtorch.tensor([1.5, -2.25]), "tensor([ 1.5000, -2.2500])"),
        (lambda: medtorch.tensor([1, 2]), "tensor([1, 2])"),
        (lambda: medtorch.tensor(3.0), "tensor(3.)"),
        (lambda: medtorch.tensor([True]), "tensor([True])"),
        (lambda: medtorch.tensor([True, False]), "tensor([ True, False])"),
        (lambda: medtorch.tensor([1.0], dtype=medtorch.float64), "tensor([1.], dtype=medtorch.float64)"),
        (lambda: medtorch.tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (lambda: medtorch.tensor([1e-8, 1.0]), "tensor([1.0000e-08, 1.0000e+00])"),
        (lambda: medtorch.tensor([float("nan"), 1.0]), "tensor([nan, 1.])"),
        (lambda: medtorch.zeros(0), "tensor([], dtype=medtorch.float32)"),
    ],
)
def test_tensors_print_as_torchs_do(make, expected):
    """Expected texts: PyTorch 2.13 with `torch.` in place of `medtorch.`; the empty tensor's dtype is always shown."""
    assert repr(make()) == expected


@pytest.mark.requirement("REQ-F-TEN-006")
def test_a_large_tensor_is_shortened():
    shown = repr(medtorch.zeros(2000))
    assert "..." in shown
    assert len(shown) < 200


@pytest.mark.requirement("REQ-F-TEN-007")
class TestCreation:
    def test_arange_counts_without_adding_up_error(self):
        assert medtorch.arange(5).tolist() == [0, 1, 2, 3, 4]
        assert medtorch.arange(0, 1, 0.1, dtype=medtorch.float64).tolist() == [k * 0.1 for k in range(10)]
        assert medtorch.arange(5, 0, -2).tolist() == [5, 3, 1]
        with pytest.raises(ArgumentError, match="arange: step -1 does not lead from 0 to 5"):
            medtorch.arange(0, 5, -1)

    def test_linspace_is_symmetric_and_ends_where_it_should(self):
        x = medtorch.linspace(-1, 1, 12, dtype=medtorch.float64).numpy()
        assert x[0] == -1
        assert x[-1] == 1
        assert np.array_equal(x, -x[::-1])

    def test_fills_and_likes(self):
        assert medtorch.full((2,), 3).dtype is medtorch.int64
        assert medtorch.full((2,), 3.5).dtype is medtorch.float32
        like = medtorch.ones_like(medtorch.zeros(2, 3, dtype=medtorch.float64))
        assert (like.shape, like.dtype) == ((2, 3), medtorch.float64)
        assert medtorch.eye(2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
        assert medtorch.zeros((2, 3)).shape == medtorch.zeros(2, 3).shape

    def test_ragged_and_textual_data_are_refused(self):
        with pytest.raises(ArgumentError, match="the data do not form an array of numbers"):
            medtorch.tensor([[1], [1, 2]])
        with pytest.raises(DtypeError, match="cannot become a tensor"):
            medtorch.tensor(["a"])

    def test_foreign_byte_order_is_read_or_refused(self):
        big = np.array([1, 2], ">i4")
        assert medtorch.tensor(big).tolist() == [1, 2]
        with pytest.raises(DtypeError, match="not in this machine's byte order"):
            medtorch.from_numpy(big)


@pytest.mark.requirement("REQ-F-TEN-008")
class TestRandom:
    def test_numbers_follow_from_the_seed_alone(self):
        """Recorded: Philox4x64-10, key (7, medtorch's constant), NumPy 2.4 raw stream."""
        medtorch.manual_seed(7)
        first = medtorch.rand(3), medtorch.randn(2), medtorch.randint(0, 100, (4,)), medtorch.randperm(5)
        medtorch.manual_seed(7)
        again = medtorch.rand(3), medtorch.randn(2), medtorch.randint(0, 100, (4,)), medtorch.randperm(5)
        assert all(medtorch.equal(a, b) for a, b in zip(first, again, strict=True))
        raw = np.random.Philox(key=[7, 0x6D6564746F726368], counter=0).random_raw(3)
        assert np.array_equal(first[0].numpy(), ((raw >> np.uint64(40)) * 2.0**-24).astype(np.float32))

    def test_a_state_can_be_put_back(self):
        state = medtorch.get_rng_state()
        a = medtorch.rand(5)
        medtorch.set_rng_state(state)
        assert medtorch.equal(a, medtorch.rand(5))

    def test_generators_are_streams_of_their_own(self):
        g = medtorch.Generator().manual_seed(1)
        before = medtorch.get_rng_state()
        a = medtorch.rand(4, generator=g)
        assert medtorch.equal(before, medtorch.get_rng_state())
        assert not medtorch.equal(a, medtorch.rand(4, generator=g))

    def test_the_distributions_have_their_moments(self):
        """Five standard errors of 200 000 draws."""
        medtorch.manual_seed(0)
        n = 200_000
        u, z = medtorch.rand(n, dtype=medtorch.float64).numpy(), medtorch.randn(n, dtype=medtorch.float64).numpy()
        assert 0 <= u.min() < u.max() < 1
        assert abs(u.mean() - 0.5) < 5 * np.sqrt(1 / 12 / n)
        assert abs(z.mean()) < 5 / np.sqrt(n)
        assert abs(z.var() - 1) < 5 * np.sqrt(2 / n)
        counts = np.bincount(medtorch.randint(0, 7, (n,)).numpy(), minlength=7)
        assert ((counts - n / 7) ** 2 / (n / 7)).sum() < 25  # chi square, 6 degrees: 3e-4
        assert sorted(medtorch.randperm(1000).tolist()) == list(range(1000))
        kept = medtorch.bernoulli(medtorch.full((n,), 0.3)).numpy()
        assert abs(kept.mean() - 0.3) < 5 * np.sqrt(0.21 / n)

    def test_in_place_fills_keep_to_their_range(self):
        x = medtorch.empty(1000).uniform_(-2, 3)
        assert -2 <= x.min().item() < x.max().item() < 3
        with pytest.raises(ArgumentError, match="uniform_: from 3 to 2 is no range"):
            x.uniform_(3, 2)
        with pytest.raises(DtypeError, match="normal_: needs a floating-point tensor"):
            medtorch.zeros(2, dtype=medtorch.int64).normal_()

    def test_sampling_by_weight(self):
        medtorch.manual_seed(0)
        drawn = medtorch.multinomial(medtorch.tensor([0.0, 3.0, 1.0]), 40_000, replacement=True).numpy()
        assert (drawn > 0).all()
        assert abs((drawn == 1).mean() - 0.75) < 0.012
        assert sorted(medtorch.multinomial(medtorch.tensor([1.0, 1.0, 0.0]), 2).tolist()) == [0, 1]
        with pytest.raises(ArgumentError, match="without replacement from fewer positive weights"):
            medtorch.multinomial(medtorch.tensor([1.0, 0.0]), 2)


def test_a_name_that_is_not_supported_says_so_and_hasattr_says_no():
    assert not hasattr(medtorch.linalg, "ldl_factor")
    with pytest.raises(medtorch.errors.UnsupportedError, match=r"^linalg\.ldl_factor is not supported$"):
        medtorch.linalg.ldl_factor  # noqa: B018


def test_bools_count_as_numbers_where_torch_lets_them():
    x = medtorch.tensor([True, False])
    assert x.square().dtype is medtorch.int64
    assert x.masked_fill(x, 0).tolist() == [False, False]
    with pytest.raises(DtypeError, match="positive: does not take bool"):
        medtorch.positive(x)
