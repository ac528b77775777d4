"""Steps of optimizers in one native call: the rule's formula, and the same bits on every set, layout and thread count.

Oracle    the rules in float64; the rules written with tensors (medtorch/optim), whose roundings are meant to be met
"""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import optim
from tests.core.backends.cpu.arrays import numbers, rms_gap, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPT-020", "REQ-F-OPT-002", "REQ-F-OPT-003", "REQ-F-OPS-300")

SHAPES = [(3,), (7, 5), (64, 32, 3, 3), (40000,), ()]
SGD = [
    (0.1, 0.0, 0.0, 0.0, False, False),
    (0.1, 0.9, 0.0, 1e-3, False, False),
    (0.1, 0.9, 0.3, 0.0, False, True),
    (0.1, 0.9, 0.0, 1e-3, True, False),
]
ADAM = [
    ((0.9, 0.999), 0.0, False, False, False),
    ((0.9, 0.999), 1e-2, False, False, False),
    ((0.9, 0.999), 1e-2, True, False, True),
    ((0.3, 0.9), 1e-2, True, True, False),
]


def sgd_truth(param, grad, buffer, lr, momentum, dampening, decay, nesterov, maximize, first):
    g = (-grad if maximize else grad) + decay * param
    if momentum:
        buffer = g if first else momentum * buffer + (1 - dampening) * g
        g = g + momentum * buffer if nesterov else buffer
    return param - lr * g


@pytest.mark.parametrize("rule", SGD, ids=str)
@pytest.mark.parametrize("first", [True, False])
def test_sgd_follows_its_rule_and_gives_the_same_bits_everywhere(native, sets, reference, rng, rule, first):
    momentum = rule[1]
    start = [tuple(numbers(rng, *shape) for _ in range(3 if momentum else 2)) for shape in SHAPES]
    expected = None
    for kernels in (reference, *sets):
        for threads in (1, 2, 3):
            native.set_thread_count(threads)
            rows = [tuple(np.array(a) for a in row) for row in start]
            kernels.sgd_step(rows, *rule, first)
            expected = expected or rows
            assert all(same_bits(a, b) for x, y in zip(expected, rows, strict=True) for a, b in zip(x, y, strict=True))
    for (param, grad, *buffer), row in zip(start, expected, strict=True):
        wide = [a.astype(np.float64) for a in (param, grad, *(buffer or [grad]))]
        assert rms_gap(row[0], sgd_truth(*wide, *rule, first)) < 1e-6


@pytest.mark.parametrize("rule", ADAM, ids=str)
def test_adam_gives_the_same_bits_everywhere(native, sets, reference, rng, rule):
    betas, decay, decoupled, maximize, amsgrad = rule
    start = [
        (
            numbers(rng, *s),
            numbers(rng, *s),
            numbers(rng, *s),
            *(np.square(numbers(rng, *s)) for _ in range(1 + amsgrad)),
        )
        for s in SHAPES
    ]
    expected = None
    for kernels in (reference, *sets):
        for threads in (1, 2, 3):
            native.set_thread_count(threads)
            rows = [tuple(np.array(a) for a in row) for row in start]
            kernels.adam_step(rows, 3, 1e-2, betas, 1e-8, decay, decoupled, maximize)
            expected = expected or rows
            assert all(same_bits(a, b) for x, y in zip(expected, rows, strict=True) for a, b in zip(x, y, strict=True))


def test_arrays_that_do_not_lie_alike_are_moved_all_the_same(sets, reference, rng):
    param, grad, buffer = (numbers(rng, 30, 40) for _ in range(3))
    expected = [(param.copy(), grad, buffer.copy())]
    reference.sgd_step(expected, *SGD[1], False)
    for kernels in sets:
        rows = [(np.asfortranarray(param), grad[::-1].copy()[::-1], np.repeat(buffer, 2, 1)[:, ::2])]
        kernels.sgd_step(rows, *SGD[1], False)
        assert same_bits(rows[0][0], expected[0][0])
        assert same_bits(rows[0][2], expected[0][2])


MAKERS = {
    "SGD": lambda p, **o: optim.SGD(p, lr=0.1, **o),
    "SGD with momentum": lambda p, **o: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3, **o),
    "SGD, Nesterov": lambda p, **o: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True, **o),
    "Adam": lambda p, **o: optim.Adam(p, lr=0.1, weight_decay=1e-2, **o),
    "AMSGrad": lambda p, **o: optim.Adam(p, lr=0.1, amsgrad=True, betas=(0.4, 0.9), **o),
    "AdamW": lambda p, **o: optim.AdamW(p, lr=0.1, **o),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_call_and_the_loop_over_parameters_give_the_same_bits(rng, make, dtype):
    values = [numbers(rng, *s).astype(dtype) for s in SHAPES]
    grads = [[numbers(rng, *s).astype(dtype) for s in SHAPES] for _ in range(4)]
    results = []
    for switch in (False, None, True):
        params = [medtorch.from_numpy(np.array(v)).requires_grad_() for v in values]
        optimizer = make(params, foreach=switch)
        for nr, step in enumerate(grads):
            for param, grad in zip(params, step, strict=True):
                param.grad = medtorch.from_numpy(np.array(grad))
            params[2].grad = None if nr == 1 else params[2].grad
            optimizer.step()
        results.append([p.detach().numpy() for p in params])
    assert all(same_bits(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


def test_halves_and_views_are_moved_by_the_loop(rng):
    half = medtorch.from_numpy(numbers(rng, 6).astype(np.float16)).requires_grad_()
    half.grad = medtorch.ones(6, dtype=medtorch.float16)
    before = half.detach().numpy().copy()
    optim.SGD([half], lr=0.5).step()
    np.testing.assert_array_equal(half.detach().numpy(), before - np.float16(0.5))
    with pytest.raises(medtorch.errors.UnsupportedError, match="SGD: fused=True needs float32 or float64 parameters"):
        optim.SGD([half], lr=0.5, fused=True).step()


def test_a_step_raises_the_version_of_what_it_changes(rng):
    param = medtorch.from_numpy(numbers(rng, 6)).requires_grad_()
    loss = (param * param).sum()
    param.grad = medtorch.ones(6)
    optim.SGD([param], lr=0.5, momentum=0.9).step()
    with pytest.raises(medtorch.errors.ModifiedError, match="changed in place"):
        loss.backward()
