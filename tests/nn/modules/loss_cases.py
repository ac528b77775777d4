"""Every loss with the arguments that matter, and numbers for it that any library can make."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.nn.modules.layer_cases import Array, fingerprint, numbers

SHAPE = (3, 4, 5)
CLASSES = (np.arange(15).reshape(3, 5) * 7) % 4
WEIGHT = np.array([0.5, 2.0, 1.0, 1.5])
SIGNS = np.where(numbers((3,), 0.0) > 0, 1.0, -1.0)


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


SCORES, OTHER = numbers(SHAPE, 0.3), numbers(SHAPE, 1.3)
LOG_PROBABILITIES, PROBABILITIES = np.log(softmax(SCORES)), softmax(OTHER)
UNIT = 1 / (1 + np.exp(-SCORES))
BINARY = (OTHER > 0).astype(float)
IGNORED = np.where(CLASSES == 2, -100, CLASSES)
ROWS = numbers((3, 6), 0.1), numbers((3, 6), 0.9), numbers((3, 6), 2.1)

# name, options, inputs: the first one gets a gradient
CASES: list[tuple[str, dict[str, Any], tuple[Array, ...]]] = [
    *(
        (name, {"reduction": r}, (SCORES, OTHER))
        for name in ("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss")
        for r in ("mean", "sum", "none")
    ),
    ("SmoothL1Loss", {"beta": 0.3}, (SCORES, OTHER)),
    ("HuberLoss", {"delta": 0.3}, (SCORES, OTHER)),
    *(
        ("KLDivLoss", {"reduction": r}, (LOG_PROBABILITIES, PROBABILITIES))
        for r in ("mean", "sum", "none", "batchmean")
    ),
    ("KLDivLoss", {"log_target": True, "reduction": "batchmean"}, (LOG_PROBABILITIES, np.log(PROBABILITIES))),
    *(("NLLLoss", {"reduction": r, "weight": WEIGHT}, (LOG_PROBABILITIES, CLASSES)) for r in ("mean", "sum", "none")),
    ("NLLLoss", {"ignore_index": 2, "weight": WEIGHT}, (LOG_PROBABILITIES, CLASSES)),
    *(("CrossEntropyLoss", {"reduction": r}, (SCORES, CLASSES)) for r in ("mean", "sum", "none")),
    ("CrossEntropyLoss", {"weight": WEIGHT}, (SCORES, IGNORED)),
    ("CrossEntropyLoss", {"weight": WEIGHT, "label_smoothing": 0.2, "ignore_index": 1}, (SCORES, CLASSES)),
    ("CrossEntropyLoss", {"label_smoothing": 0.1}, (SCORES, PROBABILITIES)),
    ("CrossEntropyLoss", {"weight": WEIGHT}, (SCORES, PROBABILITIES)),
    ("CrossEntropyLoss", {}, (SCORES[:, :, 0], CLASSES[:, 0])),
    *(("BCELoss", {"reduction": r}, (UNIT, BINARY)) for r in ("mean", "sum", "none")),
    ("BCELoss", {"weight": WEIGHT[:, None]}, (UNIT, BINARY)),
    *(("BCEWithLogitsLoss", {"reduction": r}, (SCORES, BINARY)) for r in ("mean", "sum", "none")),
    ("BCEWithLogitsLoss", {"weight": WEIGHT[:, None], "pos_weight": WEIGHT[::-1, None].copy()}, (SCORES * 300, BINARY)),
    ("PoissonNLLLoss", {}, (SCORES, np.abs(OTHER))),
    ("PoissonNLLLoss", {"log_input": False, "full": True, "reduction": "sum"}, (UNIT, 3 * np.abs(OTHER))),
    ("GaussianNLLLoss", {"full": True}, (SCORES, OTHER, UNIT)),
    ("CosineEmbeddingLoss", {"margin": 0.1}, (ROWS[0], ROWS[1], SIGNS)),
    ("MarginRankingLoss", {"margin": 0.4}, (ROWS[0][:, 0], ROWS[1][:, 0], SIGNS)),
    ("HingeEmbeddingLoss", {"margin": 1.2}, (ROWS[0][:, 0], SIGNS)),
    ("SoftMarginLoss", {}, (ROWS[0][:, 0], SIGNS)),
    ("TripletMarginLoss", {"margin": 2.0, "p": 1.0, "swap": True}, ROWS),
    ("TripletMarginLoss", {"reduction": "none"}, ROWS),
    ("TripletMarginWithDistanceLoss", {"margin": 2.0}, ROWS),
    ("MultiLabelSoftMarginLoss", {"weight": WEIGHT}, (SCORES[:, :, 0], BINARY[:, :, 0])),
    ("MultiMarginLoss", {"p": 2, "margin": 0.7, "weight": WEIGHT}, (SCORES[:, :, 0], CLASSES[:, 0])),
]


def id_of(case: tuple[str, dict[str, Any], tuple[Array, ...]]) -> str:
    name, options, inputs = case
    shown = ", ".join(f"{k}={'...' if isinstance(v, np.ndarray) else v}" for k, v in options.items())
    return f"{name}({shown}) {' '.join('x'.join(map(str, x.shape)) + x.dtype.kind for x in inputs)}"


def run(library: Any, case: tuple[str, dict[str, Any], tuple[Array, ...]]) -> dict[str, Any]:
    """What a loss gives, forwards and backwards, in float64."""
    name, options, inputs = case
    made = {k: library.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    first, *others = [library.tensor(np.ascontiguousarray(x)) for x in inputs]
    first.requires_grad_()
    loss = getattr(library.nn, name)(**made)(first, *others)
    (loss * library.tensor(numbers(tuple(loss.shape), 0.2))).sum().backward()
    return {
        "shape": list(loss.shape),
        "loss": fingerprint(loss.detach().numpy()),
        "gradient": fingerprint(first.grad.numpy()),
    }
