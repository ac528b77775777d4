"""The held-out cases, seen as a bundle would see them: whole images, the same reading, the original grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medtorch.core.creation import from_numpy
from medtorch.core.modes import no_grad
from medtorch.nn.modules.module import Module
from medtorch.serve.bundle import facts_of
from medtorch.serve.decision import decide
from medtorch.serve.scoring import scores_of
from medtorch.training.cases import Loaded
from medtorch.training.config import TrainingConfig
from medtorch.training.losses import LossFunction
from medtorch.training.measures import measured


def validate(
    model: Module, cases: Sequence[Loaded], config: TrainingConfig, loss: LossFunction
) -> dict[str, float | None]:
    """The mean loss and every measure. The model is left in evaluation mode.

    Undefined a measure that is undefined is None, a loss that is not finite too
    """
    model.eval()
    losses, judged = [], []
    for case in cases:
        scores = scores_of(model, case.prepared.array, config.reading, config.device)
        with no_grad():
            target = from_numpy(np.array(case.target)[None])
            losses.append(float(loss(from_numpy(scores[None]), target).item()))
        facts = facts_of(case.image)
        judged.append((case.truth, decide(scores, case.prepared, facts, config.reading, "")))
    mean = float(np.mean(losses))
    return {"loss": mean if np.isfinite(mean) else None, **measured(judged, config.task, len(config.labels))}
