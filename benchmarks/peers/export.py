"""`python -m benchmarks.peers.export WORKLOAD FOLDER`: write the workload's model as ONNX, by PyTorch's exporter."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from benchmarks.peers import Absent, Job
from benchmarks.peers.onnx import MODEL, REASON
from benchmarks.workloads import named


def export(job: Job) -> None:
    """Write the model for the input's shape, or the reason why that was not possible."""
    try:
        _write(job)
    except (Absent, ImportError) as reason:
        text = f"no ONNX file: {reason}"
        (job.folder / REASON).write_text(json.dumps({"absent": text}))


def _write(job: Job) -> None:
    from benchmarks.peers import pytorch  # noqa: PLC0415  raises Absent

    torch = pytorch.torch

    model, x = pytorch.build(job), torch.from_numpy(job.input())
    part = job.folder / f"part-{MODEL}"
    torch.backends.mha.set_fastpath_enabled(False)  # it has no ONNX operator; the parts that it joins have
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (x,), str(part), dynamo=False, do_constant_folding=True)
    part.replace(job.folder / MODEL)


if __name__ == "__main__":
    export(Job(named(sys.argv[1]), Path(sys.argv[2]), threads=2))
