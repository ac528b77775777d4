"""Runtimes that read ONNX files: ONNX Runtime and OpenVINO, in the file that export.py wrote beforehand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.peers import Absent, Job, Run

MODEL, REASON = "model.onnx", "no-onnx.json"


def onnx_file(job: Job) -> Path:
    """The model as ONNX; made in a process of its own, so that no peer carries what the export needs.

    Raises    Absent with the reason that the export gave
    """
    path = job.folder / MODEL
    if not path.exists():
        reason = job.folder / REASON
        raise Absent(json.loads(reason.read_text())["absent"] if reason.exists() else f"{path} was not exported")
    return path


def onnx_runtime(job: Job) -> Run:
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError as error:
        raise Absent(f"ONNX Runtime is not installed ({error})") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = job.threads, 1
    session = onnxruntime.InferenceSession(str(onnx_file(job)), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: job.input()}

    def once() -> Any:
        return session.run(None, feed)

    return Run(once, once, f"ONNX Runtime {onnxruntime.__version__}", "all graph optimizations")


def openvino(job: Job) -> Run:
    try:
        import openvino as ov  # noqa: PLC0415
    except ImportError as error:
        raise Absent(f"OpenVINO is not installed ({error})") from error
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": job.threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",  # it takes bfloat16 by itself where the CPU has it
    }
    model = ov.Core().compile_model(str(onnx_file(job)), "CPU", settings)
    request, x = model.create_infer_request(), job.input()

    def once() -> Any:
        return request.infer([x], share_inputs=True, share_outputs=True)

    def outputs() -> list[Any]:
        found = once()
        return [found[port].copy() for port in model.outputs]

    return Run(once, outputs, f"OpenVINO {ov.__version__}", "latency hint, float32")
