"""PyTorch in the ways that people run it on CPUs, each with what makes it quicker there."""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any

from benchmarks.peers import TRAINING_CHECKS, Absent, Job, Run, arrays

try:
    import torch
except ImportError as error:
    raise Absent(f"PyTorch is not installed ({error})") from error

from benchmarks.peers.torch_unet import UNet


def build(job: Job) -> Any:
    """The model of a job with the job's weights, in evaluation mode."""
    torch.set_num_threads(job.threads)
    workload = job.workload
    if workload.model == "unet":
        model = UNet(**workload.config)
    else:
        options = {"weights_backbone": None} if workload.model.startswith("deeplab") else {}
        model = torchvision().models.get_model(workload.model, weights=None, **options, **workload.config)
    model.load_state_dict({key: torch.from_numpy(a) for key, a in job.state().items()})
    return model.eval()


def torchvision() -> Any:
    """torchvision, also where its own operators cannot be loaded: they are for detection alone, and none is used here.

    Its builds for CUDA beside a PyTorch for CPUs end in "operator torchvision::nms does not exist"; names suffice.
    """
    try:
        return importlib.import_module("torchvision")
    except ImportError as error:
        raise Absent(f"torchvision is not installed ({error})") from error
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    for name in ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"):
        library.define(f"{name}(Tensor x) -> Tensor")
    return importlib.import_module("torchvision")


def eager(job: Job) -> Run:
    return _run(build(job), torch.from_numpy(job.input()), "")


def channels_last(job: Job) -> Run:
    model, x = _channels_last(build(job), torch.from_numpy(job.input()))
    return _run(model, x, "model and input in channels-last memory")


def torchscript(job: Job) -> Run:
    model, x = build(job), torch.from_numpy(job.input())
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(model, x, strict=False)
        frozen = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
        for _ in range(3):  # it specializes on what it sees
            frozen(x)
    return _run(frozen, x, "traced, frozen, optimized for inference")


def inductor(job: Job) -> Run:
    os.environ.setdefault("TORCHINDUCTOR_FREEZING", "1")  # read when the compiler is first imported
    model, x = _channels_last(build(job), torch.from_numpy(job.input()))
    return _run(torch.compile(model), x, "weights frozen, channels-last")


def _channels_last(model: Any, x: Any) -> tuple[Any, Any]:
    layout = torch.channels_last_3d if x.ndim == 5 else torch.channels_last
    return model.to(memory_format=layout), x.to(memory_format=layout)


def _run(model: Any, x: Any, about: str) -> Run:
    def once() -> Any:
        with torch.no_grad():
            return model(x)

    return Run(once, lambda: [y.numpy() for y in arrays(once())], f"PyTorch {torch.__version__}", about)


def training(job: Job) -> Run:
    return _training(build(job).train(), torch.from_numpy(job.input()), job, "eager")


def training_channels_last(job: Job) -> Run:
    model, x = _channels_last(build(job).train(), torch.from_numpy(job.input()))
    return _training(model, x, job, "eager, channels-last")


def _training(model: Any, x: Any, job: Job, about: str) -> Run:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    target = torch.from_numpy(job.target())

    def once() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    def losses() -> list[Any]:
        return [once().detach().numpy().reshape(1) for _ in range(TRAINING_CHECKS)]

    return Run(once, losses, f"PyTorch {torch.__version__}", about)
