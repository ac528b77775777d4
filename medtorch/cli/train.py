"""`medtorch train`: a training from its description, watched on a terminal or in quiet lines.

Requires  REQ-F-TRN-001, REQ-F-TRN-004
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from medtorch.cli.exits import GOOD
from medtorch.cli.options import PATH
from medtorch.cli.terminal import Advance, result, say
from medtorch.training import Outcome, Plan, Record, read_config
from medtorch.training import train as run_training


@click.command()
@click.argument("config", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder for checkpoints, the log, the plot and the bundle.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --out, exactly.")
def train(config: Path, out: Path, resume: bool) -> int:
    """Train as CONFIG (YAML or JSON) describes; prints the outcome as JSON."""
    described = read_config(config)
    with Watcher(described.best.measure) as watcher:
        outcome = run_training(described, out, resume=resume, observer=watcher)
    result(outcome_json(outcome, out))
    return GOOD


class Watcher:
    """Shows a training: a bar with the time left on a terminal, and a line an epoch everywhere."""

    def __init__(self, measure: str) -> None:
        self.measure = measure
        self.progress: Advance | None = None

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.__exit__(None, None, None)

    def started(self, plan: Plan) -> None:
        """Say what will be done."""
        say(
            f"{plan.name}: {plan.training_cases} cases to train on, {plan.held_out_cases} held out, "
            f"{plan.parameters} parameters, {plan.epochs} epochs of {plan.batches_per_epoch} batches"
        )
        if plan.done_batches:
            say(f"{plan.name}: goes on after batch {plan.done_batches}")
        self.progress = Advance(plan.name, plan.epochs * plan.batches_per_epoch - plan.done_batches).__enter__()

    def stepped(self, epoch: int, batch: int, loss: float) -> None:
        """One batch more."""
        if self.progress is not None:
            self.progress.step(f"epoch {epoch}, loss {loss:.4f}")

    def validated(self, record: Record, is_best: bool) -> None:
        """One line for the epoch."""
        if self.progress is not None:
            self.progress.tell(epoch_line(record, self.measure, is_best))


def epoch_line(record: Record, measure: str, is_best: bool) -> str:
    """An epoch in words."""
    names = ["train_loss", "loss", *([measure] if measure != "loss" else [])]
    parts = [f"{name} {_number(record[name])}" for name in names if name in record]
    return f"epoch {record['epoch']}: {', '.join(parts)}{' (best)' if is_best else ''}"


def outcome_json(outcome: Outcome, out: Path) -> dict[str, Any]:
    """The outcome as plain data."""
    return {
        "out": str(out),
        "epochs": outcome.epochs,
        "stopped_early": outcome.stopped_early,
        "best": dict(next(record for record in outcome.records if record["epoch"] == outcome.best_epoch)),
        "bundle": None if outcome.bundle is None else str(outcome.bundle),
        "bundle_sha256": outcome.bundle_sha256,
    }


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
