"""A training as people write it, in YAML or JSON. Every key and value is checked before anything is run.

Requires  REQ-F-TRN-001
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medtorch.data import Augmentation, Pipeline
from medtorch.errors import ConfigError, SchemaError
from medtorch.models import list_models
from medtorch.serialize import Architecture
from medtorch.serialize.jsontext import plain_json
from medtorch.serve.postprocessing import Reading, parse_reading
from medtorch.serve.section import Section
from medtorch.serve.spec import BundleSpec, parse_spec
from medtorch.serve.yaml_door import read_description
from medtorch.training.config import (
    Best,
    DataConfig,
    HoldOut,
    Loss,
    Named,
    Schedule,
    Stages,
    Task,
    TrainingConfig,
)
from medtorch.training.losses import LOSSES
from medtorch.training.measures import MEASURES
from medtorch.training.optimizers import OPTIMIZERS, SCHEDULERS

# Changes that move pixels and leave their values alone.
MOVING = ("random_crop", "random_flip", "random_rotate90", "random_affine")


def read_config(path: Path) -> TrainingConfig:
    """The training that a file describes; paths in it are relative to its folder.

    Raises    ConfigError naming file, key and what would be right; MissingDependencyError for YAML without PyYAML
    """
    return parse_config(read_description(path), path.parent, str(path))


def parse_config(description: object, folder: Path, name: str) -> TrainingConfig:
    """The training that plain data describes. Raises ConfigError."""
    top = Section(description, name)
    task: Task = top.choice("task", ("classification", "segmentation"))
    labels = top.texts("labels")
    postprocessing = top.listing("postprocessing")
    reading = parse_reading(task, labels, postprocessing)
    if reading is None:
        raise ConfigError(f"{top.place('task')}: {task} cannot be trained")
    _check_loss_fits(top, reading)
    pipeline = Pipeline.parse(top.listing("preprocessing"))
    architecture = _architecture(top.section("model"))
    training = top.section("training")
    config = TrainingConfig(
        name=top.text("name"),
        task=task,
        seed=top.whole("seed"),
        device=top.text("device", "cpu"),
        labels=labels,
        data=_data(top.section("data"), folder, task),
        pipeline=pipeline,
        reading=reading,
        augmentation=_stages(top.optional("augmentation")),
        architecture=architecture,
        losses=tuple(_loss(Section(part, f"{top.place('loss')}[{at}]")) for at, part in enumerate(top.listing("loss"))),
        optimizer=_named(top.section("optimizer"), OPTIMIZERS),
        scheduler=_schedule(top.optional("scheduler")),
        epochs=training.whole("epochs", least=1),
        batch_size=training.whole("batch_size", least=1),
        samples_per_case=training.whole("samples_per_case", 1, least=1),
        workers=training.whole("workers", 0),
        validate_every_epochs=training.whole("validate_every_epochs", 1, least=1),
        clip_grad_norm=training.number("clip_grad_norm", None, low=1e-12),
        checkpoint_every_steps=training.whole("checkpoint_every_steps", None, least=1),
        best=_best(top.section("best"), task),
        plot=top.flag("plot", True),
        bundle=_bundle(top.optional("bundle"), folder, architecture, pipeline, task, labels, postprocessing),
        text=_plain(description, name),
    )
    training.done()
    top.done()
    if config.scheduler is not None and config.scheduler.name == "plateau" and config.validate_every_epochs > 1:
        raise ConfigError(
            f"{training.place('validate_every_epochs')}: plateau follows the loss of every epoch: must be 1"
        )
    return config


def _data(section: Section, folder: Path, task: Task) -> DataConfig:
    segmenting = task == "segmentation"
    made = DataConfig(
        folder=folder,
        table=section.text("table"),
        image=section.text("image"),
        mask=section.text("mask") if segmenting else None,
        mask_values=section.choice("mask_values", ("labels", "foreground")) if segmenting else "labels",
        label=None if segmenting else section.text("label"),
        hold_out=_hold_out(section.section("hold_out")),
    )
    section.done()
    return made


def _hold_out(section: Section) -> HoldOut:
    if section.has("fraction") == section.has("column"):
        raise ConfigError(f"{section.where}: give either fraction, or column and value")
    if section.has("fraction"):
        made = HoldOut(
            section.number("fraction", low=0.01, high=0.99),
            section.whole("seed", 0),
            section.text("stratify", None),
            None,
            None,
        )
    else:
        made = HoldOut(None, 0, None, section.text("column"), section.text("value"))
    section.done()
    return made


def _stages(section: Section | None) -> Stages:
    if section is None:
        return Stages(Augmentation(), Augmentation())
    image, prepared = (section.listing(stage, []) for stage in ("image", "prepared"))
    section.done()
    made = Stages(_augmentation(image, section.place("image")), _augmentation(prepared, section.place("prepared")))
    for at, step in enumerate(made.prepared.describe()):
        if step["op"] not in MOVING:
            raise ConfigError(
                f"{section.place('prepared')}[{at}]: {step['op']} changes values that preprocessing has given a "
                f"meaning; it goes to {section.place('image')} (here: {', '.join(MOVING)})"
            )
    return made


def _augmentation(steps: list[Any], where: str) -> Augmentation:
    try:
        return Augmentation.parse(steps)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _architecture(section: Section) -> Architecture:
    made = Architecture(section.choice("name", list_models()), dict(section.mapping("arguments", {})))
    section.done()
    return made


def _loss(section: Section) -> Loss:
    made = Loss(
        section.choice("name", list(LOSSES)), section.number("weight", 1.0, low=0.0), section.mapping("arguments", {})
    )
    section.done()
    return made


def _check_loss_fits(top: Section, reading: Reading) -> None:
    parts = top.listing("loss")
    if not parts:
        raise ConfigError(f"{top.place('loss')}: needs at least one term")
    if reading.activation == "none":
        raise ConfigError(f"{top.place('postprocessing')}: a training needs softmax or sigmoid: losses are of scores")
    for at, part in enumerate(parts):
        name = part.get("name") if isinstance(part, Mapping) else None
        if name in LOSSES and reading.activation not in LOSSES[name].activations:
            raise ConfigError(
                f"{top.place('loss')}[{at}]: {name} goes with {' or '.join(LOSSES[name].activations)}, "
                f"the postprocessing has {reading.activation}"
            )


def _named(section: Section, known: Mapping[str, Any]) -> Named:
    made = Named(section.choice("name", list(known)), section.mapping("arguments", {}))
    section.done()
    return made


def _schedule(section: Section | None) -> Schedule | None:
    if section is None:
        return None
    name = section.choice("name", list(SCHEDULERS))
    usual = SCHEDULERS[name].every
    made = Schedule(name, section.choice("every", ("epoch", "step"), usual), section.mapping("arguments", {}))
    if name in ("plateau", "one_cycle") and made.every != usual:
        raise ConfigError(f"{section.place('every')}: {name} goes on every {usual}")
    section.done()
    return made


def _best(section: Section, task: Task) -> Best:
    known = [name for name, measure in MEASURES.items() if task in measure.tasks]
    made = Best(section.choice("measure", known), section.whole("patience", None, least=1))
    section.done()
    return made


def _bundle(
    section: Section | None, folder: Path, architecture: Architecture, pipeline: Pipeline, task: Task,
    labels: Sequence[str], postprocessing: Sequence[Any],
) -> BundleSpec | None:  # fmt: skip
    """The bundle's own part of the description; the rest follows from the training and may not be said again."""
    if section is None:
        return None
    again = [key for key in ("task", "labels", "preprocessing", "postprocessing", "architecture") if section.has(key)]
    if again:
        raise ConfigError(f"{section.place(again[0])}: follows from the training; leave it out here")
    whole = {
        **section.values(), "task": task, "labels": list(labels), "preprocessing": pipeline.describe(),
        "postprocessing": list(postprocessing),
    }  # fmt: skip
    return parse_spec(Section(whole, section.where), folder, architecture)


def _plain(description: object, name: str) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = plain_json(description, name, "$")
    except SchemaError as error:
        raise ConfigError(str(error)) from error
    return plain
