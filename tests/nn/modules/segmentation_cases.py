"""Losses of segmentation with the arguments that matter; the last entry: whether MONAI means the same by them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.nn.modules.layer_cases import Array, fingerprint, numbers

SCORES = numbers((2, 3, 4, 5), 0.3)
CLASSES = ((np.arange(40).reshape(2, 1, 4, 5) * 7) % 3).astype(float)
CLASSES[1][CLASSES[1] == 2] = 0  # class 2 is absent from the second sample
ONE_HOT = (np.arange(3).reshape(1, 3, 1, 1) == CLASSES).astype(float)
BINARY = CLASSES.clip(0, 1)

Options = dict[str, Any]
CASES: list[tuple[str, Options, str, bool]] = [
    *((name, {activation: True, **options}, "one-hot", True)
      for name in ("DiceLoss", "TverskyLoss")
      for activation in ("softmax", "sigmoid")
      for options in ({}, {"batch": True}, {"include_background": False}, {"reduction": "sum"},
                      {"smooth_nr": 0.5, "smooth_dr": 2.0})),
    ("DiceLoss", {"softmax": True, "squared_pred": True}, "one-hot", True),
    ("DiceLoss", {"softmax": True, "jaccard": True}, "one-hot", True),
    ("DiceLoss", {"softmax": True, "to_onehot_y": True}, "classes", True),
    ("DiceLoss", {"softmax": True, "weight": [0.2, 0.3, 0.9]}, "one-hot", True),
    ("DiceLoss", {"sigmoid": True}, "binary", True),
    ("TverskyLoss", {"softmax": True, "alpha": 0.3, "beta": 0.7}, "one-hot", True),
    ("FocalLoss", {}, "one-hot", True),
    ("FocalLoss", {"gamma": 0.5, "alpha": 0.25}, "one-hot", True),
    ("FocalLoss", {"to_onehot_y": True, "weight": [0.2, 0.3, 0.9]}, "classes", True),
    ("FocalLoss", {"use_softmax": True, "gamma": 3.0}, "one-hot", True),
    ("FocalLoss", {"include_background": False}, "one-hot", True),
    ("FocalLoss", {"reduction": "none"}, "one-hot", True),
    ("FocalLoss", {"gamma": 2.0}, "binary", True),
    ("DiceCELoss", {"softmax": True, "to_onehot_y": True}, "classes", True),
    ("DiceCELoss", {"softmax": True, "lambda_dice": 0.3, "lambda_ce": 2.0, "weight": [0.2, 0.3, 0.9]}, "one-hot", True),
    ("DiceCELoss", {"softmax": True, "to_onehot_y": True, "include_background": False, "label_smoothing": 0.1},
     "classes", True),
    ("DiceCELoss", {"sigmoid": True}, "binary", True),
    # MONAI drops the background before the softmax, and takes the mean over space within a sum
    ("FocalLoss", {"include_background": False, "use_softmax": True}, "one-hot", False),
    ("FocalLoss", {"reduction": "sum"}, "one-hot", False),
]  # fmt: skip


def inputs_of(kind: str) -> tuple[Array, Array]:
    if kind == "binary":
        return SCORES[:, :1], BINARY
    return SCORES, ONE_HOT if kind == "one-hot" else CLASSES


def id_of(case: tuple[str, Options, str, bool]) -> str:
    name, options, kind, _ = case
    return f"{name}({', '.join(f'{k}={v}' for k, v in options.items())}) {kind}"


def run(library: Any, losses: Any, case: tuple[str, Options, str, bool]) -> dict[str, Any]:
    """The loss and its gradient, in float32, as MONAI computes some of them."""
    name, options, kind, _ = case
    scores, truth = inputs_of(kind)
    options = {k: library.tensor(v) if k == "weight" else v for k, v in options.items()}
    x = library.tensor(scores.astype(np.float32)).requires_grad_()
    loss = getattr(losses, name)(**options)(x, library.tensor(truth.astype(np.float32)))
    loss.sum().backward()
    return {"loss": fingerprint(loss.detach().numpy()), "gradient": fingerprint(x.grad.numpy())}
