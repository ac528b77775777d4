"""`view` where the backend laid memory out in an order of its own."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.core.tensor import Tensor
from medtorch.errors import ModifiedError, ShapeError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-CPT-006")

ONES = np.arange(24.0, dtype=np.float32).reshape(2, 3, 2, 2)


@pytest.fixture
def channels_inside() -> Tensor:
    """An op's result with its channels innermost in memory, as a convolution leaves them."""
    inside = medtorch.tensor(ONES).clone(memory_format="channels_last") * 1
    assert not inside.is_contiguous()
    return inside


def test_a_result_can_be_viewed_whatever_its_memory_is_like(channels_inside):
    flat = channels_inside.view(2, -1)
    assert flat.tolist() == ONES.reshape(2, -1).tolist()


def test_the_view_and_the_result_share_their_numbers(channels_inside):
    flat = channels_inside.view(-1)
    flat[0] = 100
    channels_inside[1, 2, 1, 1] = 200
    assert channels_inside[0, 0, 0, 0].item() == 100
    assert flat[-1].item() == 200


def test_gradients_go_through_the_view():
    x = medtorch.tensor(ONES).requires_grad_()
    y = x.clone(memory_format="channels_last").relu()
    (y.view(2, -1) * medtorch.arange(12.0)).sum().backward()
    assert x.grad.tolist()[1] == np.arange(12.0).reshape(3, 2, 2).tolist()


def test_a_convolution_flattens_by_view(rng):
    x = medtorch.from_numpy(rng.standard_normal((2, 3, 8, 8), dtype=np.float32))
    y = medtorch.nn.Conv2d(3, 4, 3)(x)
    assert medtorch.equal(y.view(2, -1), y.reshape(2, -1))


def test_a_model_that_flattens_by_view_can_be_compiled(rng):
    class Net(medtorch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = medtorch.nn.Conv2d(3, 4, 3), medtorch.nn.Linear(36, 2)

        def forward(self, x):
            y = medtorch.nn.functional.max_pool2d(self.conv(x).relu(), 2)
            return self.fc(y.view(-1, 36))

    net = Net().eval()
    x = medtorch.from_numpy(rng.standard_normal((2, 3, 8, 8), dtype=np.float32))
    assert medtorch.allclose(medtorch.compile(net, x)(x), net(x), atol=1e-6)


@pytest.mark.parametrize("look", [Tensor.detach, lambda x: x[:], lambda x: x.data])
def test_of_a_tensor_that_others_look_at_the_view_is_a_copy_that_cannot_be_changed(look, channels_inside):
    other = look(channels_inside)
    flat = other.view(2, -1)
    assert flat.tolist() == ONES.reshape(2, -1).tolist()
    with pytest.raises(UnsupportedError, match=r"^add_: the tensor came from view\(\), which had to copy here"):
        flat.add_(1)
    with pytest.raises(UnsupportedError, match=r"^fill_: the tensor came from view\(\)"):
        flat[0].fill_(1)


def test_such_a_copy_cannot_be_used_after_its_origin_changed(channels_inside):
    flat = channels_inside.detach().view(2, -1)
    channels_inside.add_(1)
    with pytest.raises(ModifiedError, match=r"^mul: the tensor came from view\(\), .* changed in place since"):
        flat * 2


def test_what_is_no_view_in_torch_is_refused():
    plain = medtorch.tensor(ONES)
    with pytest.raises(ShapeError, match=r"^view: shape \(24,\) needs a copy of this memory; use reshape\(\)"):
        plain.permute(0, 2, 3, 1).view(-1)
    with pytest.raises(ShapeError, match="use reshape"):
        plain[:, :, 0].view(-1)


def test_a_part_of_a_result_is_viewed_as_if_it_lay_in_order(channels_inside):
    assert channels_inside[1].view(-1).tolist() == ONES[1].reshape(-1).tolist()
    with pytest.raises(ShapeError, match="use reshape"):
        channels_inside[:, :2].view(-1)
