"""medtorch itself: eager, compiled, and a training step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import medtorch
from benchmarks.peers import TRAINING_CHECKS, Job, Run, arrays
from medtorch import nn
from medtorch.models import get_model


def eager(job: Job) -> Run:
    return _run(_model(job), job, "")


def compiled(job: Job) -> Run:
    return _compiled(job, "release=True")


def compiled_fast(job: Job) -> Run:
    return _compiled(job, 'algorithms="fast", release=True', algorithms="fast")


def _compiled(job: Job, about: str, algorithms: str | None = None) -> Run:
    """The compiled model alone, as runtimes that read a file have it: the module gives its memory up."""
    x = medtorch.from_numpy(job.input())
    model = medtorch.compile(_model(job, assign=True), x, algorithms=algorithms, release=True)
    return replace(_run(model, job, about), multiply_adds=model.stats()["plan"]["multiply_adds"])


def _run(model: Any, job: Job, about: str) -> Run:
    x = medtorch.from_numpy(job.input())

    def once() -> Any:
        with medtorch.no_grad():
            return model(x)

    return Run(once, lambda: [y.numpy() for y in arrays(once())], version(), about)


def version() -> str:
    cpu = medtorch.backend_info()["cpu"]
    return f"medtorch {medtorch.__version__} ({cpu['backend']}, {cpu.get('isa')})"


def _model(job: Job, *, assign: bool = False) -> Any:
    with nn.init.skip_init():
        model = get_model(job.workload.model, **job.workload.config)
    model.load_state_dict({key: medtorch.from_numpy(a) for key, a in job.state().items()}, assign=assign)
    return model.eval()


def training(job: Job) -> Run:
    """Forward, cross entropy, backward, a step of SGD with momentum."""
    model = _model(job).train()
    optimizer = medtorch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    x, target = medtorch.from_numpy(job.input()), medtorch.from_numpy(job.target())

    def once() -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return Run(once, lambda: [once().detach().numpy().reshape(1) for _ in range(TRAINING_CHECKS)], version(), "eager")
