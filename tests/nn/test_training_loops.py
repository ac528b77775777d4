"""Training loops as PyTorch's tutorials write them run here line by line, learn, and give PyTorch's losses."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import medtorch

pytestmark = [pytest.mark.requirement("REQ-F-NN-010"), pytest.mark.requirement("REQ-F-NN-011")]

STEPS = 8


def tagger(torch: Any) -> Any:
    """Sequences of several lengths into one of five classes."""
    nn = torch.nn

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(20, 8, padding_idx=0)
            self.rnn = nn.LSTM(8, 12, 2, batch_first=True, bidirectional=True)
            self.out = nn.Linear(24, 5)

        def forward(self, x: Any, lengths: Any) -> Any:
            tools = nn.utils.rnn
            packed = tools.pack_padded_sequence(self.embedding(x), lengths, batch_first=True, enforce_sorted=False)
            output, (hidden, _) = self.rnn(packed)
            padded, _ = tools.pad_packed_sequence(output, batch_first=True)
            return self.out(torch.cat([hidden[-2], hidden[-1]], 1) + padded.mean(1))

    return Tagger()


def language_model(torch: Any) -> Any:
    """The next of twenty words."""
    nn = torch.nn

    class LanguageModel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True, norm_first=True)
            self.embedding = nn.Embedding(20, 16)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.out = nn.Linear(16, 20)

        def forward(self, x: Any) -> Any:
            mask = nn.Transformer.generate_square_subsequent_mask(x.size(1)).to(self.out.weight.dtype)
            return self.out(self.encoder(self.embedding(x) * 4.0, mask=mask, is_causal=True))

    return LanguageModel()


def reader(torch: Any) -> Any:
    """Signals into sequences of labels, of which nobody says where they are."""
    nn = torch.nn

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.utils.weight_norm(nn.Conv1d(3, 8, 3, padding=1))
            self.rnn = nn.GRU(8, 6, bidirectional=True)
            self.out = nn.Linear(12, 5)

        def forward(self, x: Any) -> Any:
            return self.out(self.rnn(self.conv(x).permute(2, 0, 1))[0]).log_softmax(2)

    return Reader()


def tag_loss(torch: Any, model: Any, data: list[Any]) -> Any:
    return torch.nn.functional.cross_entropy(model(data[0], [9, 5, 3, 7, 9, 1]), data[1])


def word_loss(torch: Any, model: Any, data: list[Any]) -> Any:
    return torch.nn.CrossEntropyLoss()(model(data[0][:, :-1]).reshape(-1, 20), data[0][:, 1:].reshape(-1))


def label_loss(torch: Any, model: Any, data: list[Any]) -> Any:
    return torch.nn.CTCLoss()(model(data[0]), data[1], (12,) * 4, (3, 2, 4, 1))


def data_of(name: str) -> list[Any]:
    rng = np.random.default_rng(5)
    return {
        "tagger": [rng.integers(1, 20, (6, 9)), rng.integers(0, 5, 6)],
        "words": [rng.integers(0, 20, (4, 8))],
        "reader": [rng.normal(size=(4, 3, 12)), rng.integers(1, 5, (4, 4))],
    }[name]


Loop = tuple[Callable[..., Any], Callable[..., Any], str, dict[str, Any], str, dict[str, Any]]
LOOPS: dict[str, Loop] = {
    "tagger": (tagger, tag_loss, "Adam", {"lr": 0.01}, "OneCycleLR", {"max_lr": 0.1, "total_steps": 10}),
    "words": (
        language_model,
        word_loss,
        "NAdam",
        {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True},
        "CosineAnnealingWarmRestarts",
        {"T_0": 3},
    ),
    "reader": (reader, label_loss, "RMSprop", {"lr": 0.01, "momentum": 0.5}, "PolynomialLR", {"total_iters": 9}),
}


def trained(torch: Any, name: str, start: dict[str, Any] | None) -> tuple[list[float], dict[str, Any]]:
    """The loss of each step and of the averaged model at the end; and the weights at the start."""
    build, loss_of, optimizer_name, options, schedule_name, times = LOOPS[name]
    model, data = build(torch).double(), [torch.tensor(part) for part in data_of(name)]
    if start is not None:
        model.load_state_dict({key: torch.tensor(value) for key, value in start.items()})
    start = {key: value.numpy().copy() for key, value in model.state_dict().items()}
    optimizer = getattr(torch.optim, optimizer_name)(model.parameters(), **options)
    schedule = getattr(torch.optim.lr_scheduler, schedule_name)(optimizer, **times)
    averages = importlib.import_module(f"{torch.__name__}.optim.swa_utils")
    decayed, losses = [p.detach().clone() for p in model.parameters()], []
    average = averages.get_ema_multi_avg_fn(0.5)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(torch, model, data)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average(decayed, [p.detach() for p in model.parameters()], 1)
        losses.append(loss.item())
    return [*losses, *(float(part.sum().item()) for part in decayed)], start


@pytest.mark.parametrize("name", LOOPS)
def test_the_loop_learns(name: str) -> None:
    medtorch.manual_seed(0)
    losses, _ = trained(medtorch, name, None)
    assert min(losses[STEPS - 2 : STEPS]) < 0.9 * losses[0]


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch tells that its weight norm is the old one
@pytest.mark.parametrize("name", LOOPS)
def test_the_losses_and_averages_are_torchs(name: str, needs_torch: Any) -> None:
    needs_torch.manual_seed(0)
    expected, start = trained(needs_torch, name, None)
    found, _ = trained(medtorch, name, start)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)
