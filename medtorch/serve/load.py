"""`load_bundle`: from bytes of the expected digest to a model that gives its recorded answers.

In this order, each step with its own error: the digest of bundle.json, its schema, every file's digest, every tensor's
name, shape, dtype and digest (serialize.read_bundle); preprocessing and postprocessing; the architecture; the weights'
names, shapes and dtypes against it; the golden self-test. Nothing is returned unless all of it holds.

Requires  REQ-F-MOD-901, REQ-F-MOD-902
"""

from __future__ import annotations

from medtorch.core.arithmetic import cpu_arithmetic
from medtorch.data import Pipeline
from medtorch.errors import ArgumentError, ConfigError, MedtorchError, SchemaError
from medtorch.models import get_model
from medtorch.nn.init import skip_init
from medtorch.nn.modules.module import Module
from medtorch.serialize import (
    DEFAULT_LIMITS,
    Architecture,
    BundleData,
    Limits,
    check_state_dict,
    has_plans,
    read_bundle,
    run_golden,
    unpack_plans,
)
from medtorch.serialize.source import PathLike
from medtorch.serve.bundle import Bundle
from medtorch.serve.inference import on_device
from medtorch.serve.postprocessing import Reading, parse_reading


def load_bundle(
    path: PathLike,
    *,
    sha256: str | None = None,
    allow_unverified: bool = False,
    device: str = "cpu",
    limits: Limits = DEFAULT_LIMITS,
    release: bool = False,
) -> Bundle:
    """Load a bundle whose bundle.json has the digest `sha256`, which comes from the caller, never from the bundle.

    Where the bundle holds plans for the CPU, the model runs by them on the CPU: nothing is captured or planned for
    inputs that they know. The recorded answers are then met by the plans themselves.
    With `release` the plans alone are kept: the model has no memory, and inputs that no plan knows are refused.
    Without a digest the bundle is refused, unless `allow_unverified=True`; `Bundle.verified` then says False.

    Raises    ArgumentError; FileMissingError, UnreadableError; DigestError naming the file or tensor; FormatError,
              UnsafeError, LimitError; SchemaError for a description that cannot be used; StateDictError for weights
              that do not fit the architecture; GoldenError for a model that does not give its recorded answers, bit
              for bit by the arithmetic that recorded them (core/arithmetic.py), else within the tolerance
    Requires  REQ-F-MOD-901
    """
    data = read_bundle(path, sha256=sha256, allow_unverified=allow_unverified, limits=limits)
    pipeline, reading = _described(data)
    plans_fit = device == "cpu" and has_plans(data.files)
    if release and not plans_fit:
        raise ArgumentError(f"{data.path}: release=True needs plans for the device: there are none for {device}")
    model = _model(data)
    check_state_dict(data.weights, model.state_dict(), str(data.path))
    if not release:
        model.load_state_dict(data.weights, assign=True)  # the file's memory is the model's: nothing else uses it
    data.weights.clear()
    model.to(device).eval().requires_grad_(False)
    planned = unpack_plans(model, data.files, limits) if plans_fit else None
    data.files.clear()
    if release and planned is not None:
        planned.release()
    # A plan folds weights: it meets the recorded answers within the tolerance, not in every bit.
    arithmetic = cpu_arithmetic() if device == "cpu" and planned is None else None
    return Bundle(
        path=str(data.path),
        sha256=data.sha256,
        verified=data.verified,
        description=data.description,
        model=model,
        pipeline=pipeline,
        reading=reading,
        golden=run_golden(data, on_device(planned or model, device), arithmetic),
        planned=planned,
        device=device,
    )


def build_model(architecture: Architecture) -> Module:
    """The architecture's model with fresh weights. Raises ConfigError for a name or arguments that there are not."""
    try:
        return get_model(architecture.name, **architecture.arguments)
    except TypeError as error:
        raise ConfigError(f"architecture {architecture.name}: {error}") from error


def _described(data: BundleData) -> tuple[Pipeline, Reading | None]:
    text = data.description
    try:
        return Pipeline.parse(text.preprocessing), parse_reading(text.task, text.labels, text.postprocessing)
    except ConfigError as error:
        raise SchemaError(f"{data.path}: bundle.json: {error}") from error


def _model(data: BundleData) -> Module:
    try:
        with skip_init():  # every number of it comes from the bundle: names and shapes are checked to be all
            return build_model(data.description.architecture)
    except MedtorchError as error:
        raise SchemaError(f"{data.path}: bundle.json: {error}") from error
