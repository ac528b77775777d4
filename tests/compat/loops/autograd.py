"""Polynomials with autograd, with a Function of one's own, and a net by hand, in the manner of PyTorch's examples."""

import math

import torch
import torch.nn.functional as F
from torch.autograd import Function, Variable


class LegendrePolynomial3(Function):
    """P3(x) = (5 x^3 - 3 x) / 2."""

    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


def polynomial(steps=400):
    dtype, device = torch.float, torch.device("cpu")
    x = torch.linspace(-math.pi, math.pi, 200, device=device, dtype=dtype)
    y = torch.sin(x)
    a = torch.full((), 0.0, device=device, dtype=dtype, requires_grad=True)
    b = torch.full((), -1.0, device=device, dtype=dtype, requires_grad=True)
    c = torch.full((), 0.0, device=device, dtype=dtype, requires_grad=True)
    d = torch.full((), 0.3, device=device, dtype=dtype, requires_grad=True)
    learning_rate = 5e-5
    losses = []
    for _ in range(steps):
        P3 = LegendrePolynomial3.apply
        y_pred = a + b * P3(c + d * x)
        loss = (y_pred - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            for p in (a, b, c, d):
                p -= learning_rate * p.grad
                p.grad = None
    return losses[0], losses[-1]


def by_hand(steps=60):
    """Two layers without torch.nn, the learning rate applied in place."""
    torch.manual_seed(0)
    x = Variable(torch.randn(32, 4))
    y = (x.sum(1) > 0).long()
    w1 = (torch.randn(4, 8) / math.sqrt(4)).requires_grad_()
    w2 = (torch.randn(8, 2) / math.sqrt(8)).requires_grad_()
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(x.mm(w1).clamp(min=0).mm(w2), y)
        loss.backward()
        w1.data -= 0.5 * w1.grad.data
        w2.data -= 0.5 * w2.grad.data
        w1.grad.data.zero_()
        w2.grad.data.zero_()
        losses.append(loss.item())
    return losses[0], losses[-1]


def penalty():
    """A penalty on the slope, as critics of GANs are trained with: a gradient of a gradient."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    x = torch.randn(5, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(
        outputs=net(x),
        inputs=x,
        grad_outputs=torch.ones(5, 1),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )
    loss = ((slope.view(5, -1).norm(2, dim=1) - 1) ** 2).mean()
    loss.backward()
    return all(p.grad is not None for p in net.parameters() if p.dim() == 2)
