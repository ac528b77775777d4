"""The training loop: batches -> model -> loss -> backward -> optimizer; measured and saved from outside.

Requires  REQ-F-TRN-003, REQ-F-TRN-004, REQ-F-TRN-005
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medtorch.core.random import get_rng_state, manual_seed, set_rng_state
from medtorch.core.tensor import Tensor
from medtorch.data import DataLoader
from medtorch.errors import ConfigError, SaveError, TrainingError
from medtorch.nn.modules.module import Module
from medtorch.nn.utils import clip_grad_norm_
from medtorch.optim import Optimizer
from medtorch.optim.lr_scheduler import ReduceLROnPlateau
from medtorch.serialize import load_safetensors
from medtorch.serialize.atomic import write_folder
from medtorch.serialize.edge import to_array
from medtorch.serialize.jsontext import write_json
from medtorch.serialize.safetensors import pack_safetensors
from medtorch.serve.load import build_model
from medtorch.serve.save import save_described
from medtorch.training.cases import Loaded, load, read_cases, split
from medtorch.training.checkpoint import MODEL, Checkpoint, load_checkpoint, save_checkpoint
from medtorch.training.config import TrainingConfig
from medtorch.training.log import Record, write_log
from medtorch.training.losses import build_losses
from medtorch.training.observer import Observer, Plan, Silent
from medtorch.training.optimizers import build_optimizer, build_scheduler
from medtorch.training.plot import matplotlib_figure, write_plot
from medtorch.training.samples import Samples
from medtorch.training.standing import Standing
from medtorch.training.validate import validate

CHECKPOINT = "checkpoint"
BEST = "best"
BUNDLE = "bundle"


@dataclass(frozen=True)
class Outcome:
    """How a training ended. `best_value` is that of the measure which the description names."""

    epochs: int
    stopped_early: bool
    best_epoch: int
    best_value: float
    records: tuple[Record, ...]
    bundle: Path | None
    bundle_sha256: str | None


def train(
    config: TrainingConfig, out: Path, *, resume: bool = False, observer: Observer | None = None,
    bundle_path: Path | None = None,
) -> Outcome:  # fmt: skip
    """Train as described; everything is written under `out`. With `resume`, go on from the checkpoint that lies there.

    The bundle, if the description asks for one, goes to `bundle_path` (default: a folder in `out`).

    A training that was stopped and resumed ends with the same bits as one that was not.

    Raises    ConfigError, also for another description than that of the checkpoint; DataError; SaveError for an `out`
              that holds a training, without `resume`; TrainingError for a loss that is not finite; LoadError for the
              checkpoint
    Requires  REQ-F-TRN-003
    """
    if config.plot:
        matplotlib_figure()  # missing? said now, not after hours
    _check_out(out, resume)
    return Training(config, out, observer or Silent(), bundle_path or out / BUNDLE).run(resume)


class Training:
    """The parts of one training, put together."""

    def __init__(self, config: TrainingConfig, out: Path, observer: Observer, bundle_path: Path) -> None:
        self.config, self.out, self.observer, self.bundle_path = config, out, observer, bundle_path
        training, held_out = split(read_cases(config.data), config.data.hold_out)
        self.training_cases = len(training)
        self.held_out: list[Loaded] = [load(case, config) for case in held_out]
        samples = Samples([load(case, config) for case in training], config)
        self.loader = DataLoader(samples, config.batch_size, shuffle=True, seed=config.seed, num_workers=config.workers)
        manual_seed(config.seed)
        self.model: Module = build_model(config.architecture).to(config.device)
        self.loss = build_losses(config.losses, config.reading.activation)
        self.optimizer: Optimizer = build_optimizer(
            config.optimizer.name, config.optimizer.arguments, self.model, "optimizer"
        )
        self.scheduler = self._scheduler()
        self.standing = Standing()

    def run(self, resume: bool) -> Outcome:
        """From where the training stands to its end."""
        if resume:
            self._restore(load_checkpoint(self.out / CHECKPOINT))
        self.observer.started(self._plan())
        while self.standing.epoch <= self.config.epochs and not self.standing.is_stale(self.config.best.patience):
            self._epoch()
        if self.config.plot:
            write_plot(
                self.out, self.standing.records, self.config.name, self.config.best.measure, self.standing.best_epoch
            )
        return self._finish()

    # -- an epoch -----------------------------------------------------------------------------------------------------

    def _epoch(self) -> None:
        standing = self.standing
        self.model.train()
        for images, targets in self.loader:
            loss = self._step(images.to(self.config.device), targets.to(self.config.device))
            standing.count(loss, len(images))
            every = self.config.checkpoint_every_steps
            if every is not None and self._steps() % every == 0 and standing.batch < len(self.loader):
                self._save()
            self.observer.stepped(standing.epoch, standing.batch, loss)
        self._close_epoch()

    def _step(self, images: Tensor, targets: Tensor) -> float:
        loss = self.loss(self.model(images), targets)
        value = float(loss.item())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss is {value} in epoch {self.standing.epoch}, batch {self.standing.batch + 1}: "
                "a smaller learning rate or clip_grad_norm may help"
            )
        self.optimizer.zero_grad()
        loss.backward()
        if self.config.clip_grad_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.config.clip_grad_norm)
        self.optimizer.step()
        if self.config.scheduler is not None and self.config.scheduler.every == "step":
            self.scheduler.step()
        return value

    def _close_epoch(self) -> None:
        standing = self.standing
        record: dict[str, Any] = {
            "epoch": standing.epoch,
            "lr": float(self.optimizer.param_groups[0]["lr"]),
            "train_loss": standing.mean_loss,
            **(validate(self.model, self.held_out, self.config, self.loss) if self._is_validated() else {}),
        }
        if self.config.scheduler is not None and self.config.scheduler.every == "epoch":
            if isinstance(self.scheduler, ReduceLROnPlateau):
                self.scheduler.step(record["loss"])
            else:
                self.scheduler.step()
        is_best = standing.judge(record, self.config.best.measure)
        standing.records.append(record)
        standing.next_epoch()
        if is_best:
            self._save_best(record)
        write_log(self.out, standing.records)
        self._save()
        self.observer.validated(record, is_best)

    def _is_validated(self) -> bool:
        """Every so many epochs, and the last one."""
        return self.standing.epoch % self.config.validate_every_epochs == 0 or self.standing.epoch == self.config.epochs

    # -- saving and going on ------------------------------------------------------------------------------------------

    def _save(self) -> None:
        state = {
            "standing": asdict(self.standing),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "loader": self.loader.state_dict(),
            "random": get_rng_state(),
        }
        save_checkpoint(self.out / CHECKPOINT, Checkpoint(self.config.text, dict(self.model.state_dict()), state))

    def _restore(self, checkpoint: Checkpoint) -> None:
        if checkpoint.config != self.config.text:
            difference = _difference(checkpoint.config, self.config.text)
            raise ConfigError(
                f"{self.out / CHECKPOINT}: was made by another description ({difference}); "
                "a training goes on exactly or not at all"
            )
        self.model.load_state_dict(checkpoint.model)
        self.optimizer.load_state_dict(checkpoint.state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(checkpoint.state["scheduler"])
        self.loader.load_state_dict(checkpoint.state["loader"])
        set_rng_state(checkpoint.state["random"])
        self.standing = Standing(**checkpoint.state["standing"])

    def _save_best(self, record: dict[str, Any]) -> None:
        weights = {name: to_array(value, name) for name, value in self.model.state_dict().items()}
        files = {MODEL: pack_safetensors(weights), "record.json": [write_json(record).encode("utf-8")]}
        write_folder(self.out / BEST, files, overwrite=True)

    def _finish(self) -> Outcome:
        standing = self.standing
        if standing.best_epoch is None or standing.best_value is None:
            raise TrainingError(f"no epoch had a defined {self.config.best.measure}: there is no best one")
        self.model.load_state_dict(load_safetensors(self.out / BEST / MODEL))
        digest = self._write_bundle()
        return Outcome(
            epochs=standing.epoch - 1,
            stopped_early=standing.epoch <= self.config.epochs,
            best_epoch=standing.best_epoch,
            best_value=standing.best_value,
            records=tuple(standing.records),
            bundle=None if digest is None else self.bundle_path,
            bundle_sha256=digest,
        )

    def _write_bundle(self) -> str | None:
        spec = self.config.bundle
        if spec is None:
            return None
        return save_described(
            self.bundle_path, self.model, spec.description, spec.golden_inputs(),
            tolerance=spec.tolerance, files=spec.file_bytes(), overwrite=True,
        )  # fmt: skip

    # -- parts --------------------------------------------------------------------------------------------------------

    def _scheduler(self) -> Any:
        schedule = self.config.scheduler
        if schedule is None:
            return None
        times = self.config.epochs * (len(self.loader) if schedule.every == "step" else 1)
        return build_scheduler(schedule.name, schedule.arguments, self.optimizer, times, "scheduler")

    def _steps(self) -> int:
        return (self.standing.epoch - 1) * len(self.loader) + self.standing.batch

    def _plan(self) -> Plan:
        return Plan(
            name=self.config.name,
            training_cases=self.training_cases,
            held_out_cases=len(self.held_out),
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            epochs=self.config.epochs,
            batches_per_epoch=len(self.loader),
            done_batches=self._steps(),
        )


def _check_out(out: Path, resume: bool) -> None:
    there = (out / CHECKPOINT).is_dir()
    if there and not resume:
        raise SaveError(f"{out}: holds a training already: resume it, or name another folder")
    if not there and resume:
        raise ConfigError(f"{out}: holds no checkpoint to go on from")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"{out}: cannot be made: {error.strerror or error}") from error


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return f"{keys[0]}: then {before.get(keys[0])!r}, now {now.get(keys[0])!r}"[:300]
