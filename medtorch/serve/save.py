"""`save_bundle`: a model with all that is said of it, its golden answers computed here, written whole or not at all.

Requires  REQ-F-MOD-901, REQ-F-MOD-906
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medtorch.core.arithmetic import cpu_arithmetic
from medtorch.core.graph.compiled import Compiled
from medtorch.core.tensor import Tensor
from medtorch.data import Pipeline
from medtorch.errors import ConfigError, SaveError
from medtorch.nn.modules.module import Module
from medtorch.serialize import (
    Architecture,
    Description,
    GoldenCase,
    Input,
    Licence,
    Origin,
    Tolerance,
    check_state_dict,
    pack_plans,
    unpack_plans,
    write_bundle,
)
from medtorch.serialize.source import PathLike
from medtorch.serve.inference import on_device
from medtorch.serve.load import build_model
from medtorch.serve.postprocessing import parse_reading

GoldenInputs = Mapping[str, Tensor | Sequence[Tensor]]


def save_bundle(
    path: PathLike,
    model: Module,
    *,
    architecture: str,
    arguments: Mapping[str, Any] | None = None,
    name: str,
    version: str,
    task: str,
    inputs: Sequence[Input],
    preprocessing: Pipeline | Sequence[Mapping[str, Any]],
    labels: Sequence[str],
    postprocessing: Sequence[Mapping[str, Any]],
    golden_inputs: GoldenInputs,
    origin: Origin,
    intended_use: str,
    licence: Licence,
    tolerance: Tolerance = Tolerance(),  # noqa: B008  frozen
    files: Mapping[str, bytes] | None = None,
    planned: Compiled | None = None,
    overwrite: bool = False,
) -> str:
    """Write a model as a bundle (a folder, or a zip if `path` ends in .zip) and return the digest to load it with.

    `architecture` and `arguments` are what `models.get_model` builds the model from; a fresh one is built, given the
    weights, and its answers to `golden_inputs` (name -> input, or the inputs of a model with several) are recorded.
    `planned` is the model compiled (`medtorch.compile(model, ...)`): its plans are kept in the bundle, so that whoever
    loads it starts without planning.

    Raises    ConfigError for a description that cannot be used; StateDictError where the model is not of that
              architecture; SaveError where it computes something else, or the bundle cannot be written; SchemaError
    Requires  REQ-F-MOD-906
    """
    steps = preprocessing if isinstance(preprocessing, Pipeline) else Pipeline.parse(list(preprocessing))
    description = Description(
        name=name,
        version=version,
        task=task,
        architecture=Architecture(architecture, dict(arguments or {})),
        inputs=tuple(inputs),
        preprocessing=tuple(steps.describe()),
        labels=tuple(labels),
        postprocessing=tuple(postprocessing),
        origin=origin,
        intended_use=intended_use,
        licence=licence,
    )
    return save_described(
        path,
        model,
        description,
        golden_inputs,
        tolerance=tolerance,
        files=files,
        planned=planned,
        overwrite=overwrite,
    )


def save_described(
    path: PathLike,
    model: Module,
    description: Description,
    golden_inputs: GoldenInputs,
    *,
    tolerance: Tolerance = Tolerance(),  # noqa: B008  frozen
    files: Mapping[str, bytes] | None = None,
    planned: Compiled | None = None,
    overwrite: bool = False,
) -> str:
    """As `save_bundle`, for a description that is there already."""
    Pipeline.parse(list(description.preprocessing))
    parse_reading(description.task, description.labels, list(description.postprocessing))
    if not golden_inputs:
        raise ConfigError(f"{path}: a bundle needs at least one golden input")
    weights = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    rebuilt = build_model(description.architecture)
    check_state_dict(weights, rebuilt.state_dict(), str(path))
    rebuilt.load_state_dict(weights)
    cases = [_case(name, given, rebuilt.eval()) for name, given in golden_inputs.items()]
    _check_same(model, cases, description.architecture.name, str(path))
    if planned is not None:
        files = {**(files or {}), **_plan_files(planned, model, cases, tolerance, str(path))}
    return write_bundle(
        path,
        description,
        weights,
        cases,
        tolerance=tolerance,
        arithmetic=cpu_arithmetic(),
        files=files,
        overwrite=overwrite,
    )


def _plan_files(
    planned: Compiled, model: Module, cases: Sequence[GoldenCase], tolerance: Tolerance, path: str
) -> dict[str, bytes]:
    """The plans' files, when they were read back and gave the recorded answers."""
    if planned.model is not model:
        raise ConfigError(f"{path}: the plans are those of another model")
    if not planned.plans():
        raise ConfigError(f"{path}: the compiled model has no plan: call it on an example first")
    files = pack_plans(planned)
    again = on_device(unpack_plans(model, files), "cpu")
    for case in cases:
        for one, other in zip(again(*case.inputs), case.outputs, strict=True):
            bound = tolerance.absolute + tolerance.relative * np.abs(other.numpy())
            if one.shape != other.shape or not (np.abs(one.numpy() - other.numpy()) <= bound).all():
                raise SaveError(f"{path}: the plans do not give the recorded answers (golden {case.name!r})")
    return files


def _case(name: str, given: Tensor | Sequence[Tensor], model: Module) -> GoldenCase:
    inputs = (given,) if isinstance(given, Tensor) else tuple(given)
    return GoldenCase(name, inputs, on_device(model, "cpu")(*inputs))


def _check_same(model: Module, cases: Sequence[GoldenCase], architecture: str, path: str) -> None:
    """The architecture with these weights must compute what the model computes, else the bundle is another model."""
    training = model.training
    device = next((str(value.device) for value in model.parameters()), "cpu")
    try:
        given = [on_device(model.eval(), device)(*case.inputs) for case in cases]
    finally:
        model.train(training)
    for case, outputs in zip(cases, given, strict=True):
        same = len(outputs) == len(case.outputs) and all(
            one.shape == other.shape and np.allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)
            for one, other in zip(outputs, case.outputs, strict=True)
        )
        if not same:
            raise SaveError(
                f"{path}: the model computes something else than {architecture} with its weights (golden {case.name!r})"
            )
