"""The one implementation of attention may be asked for, others are refused by name."""

from __future__ import annotations

import pytest

import medtorch
from medtorch import nn
from medtorch.errors import UnsupportedError
from medtorch.nn import functional as F
from medtorch.nn.attention import SDPBackend, sdpa_kernel

pytestmark = pytest.mark.requirement("REQ-F-NN-005")


@pytest.mark.parametrize("backends", [SDPBackend.MATH, [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]])
def test_the_formula_may_be_asked_for(backends):
    x = medtorch.ones(1, 2, 3)
    with sdpa_kernel(backends):
        assert F.scaled_dot_product_attention(x, x, x).tolist() == x.tolist()


def test_another_implementation_is_refused_by_name():
    refused = pytest.raises(UnsupportedError, match="only MATH is supported, got FLASH_ATTENTION")
    with refused, sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        pass
    first = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
    with pytest.raises(UnsupportedError, match="not EFFICIENT_ATTENTION before it"), sdpa_kernel(first, True):
        pass


def test_distributed_data_parallel_is_refused_by_name():
    with pytest.raises(UnsupportedError, match="DistributedDataParallel is not supported: there are no process groups"):
        nn.parallel.DistributedDataParallel(nn.ReLU())
