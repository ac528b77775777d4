"""Candidates by name. Each is a function that loads a workload and says how to run it once."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.weights import INPUT, WEIGHTS
from benchmarks.workloads import Workload


class Absent(Exception):  # noqa: N818  not an error: the candidate is not installed
    """Why a candidate is not there."""


@dataclass(frozen=True)
class Job:
    """A workload, the folder with its weights and input, and the number of threads."""

    workload: Workload
    folder: Path
    threads: int

    def state(self) -> dict[str, np.ndarray]:
        with np.load(self.folder / WEIGHTS) as file:
            return dict(file)

    def input(self) -> np.ndarray:
        with np.load(self.folder / INPUT) as file:
            return file["x"]

    def target(self) -> np.ndarray:
        with np.load(self.folder / INPUT) as file:
            return file["target"]


@dataclass(frozen=True)
class Run:
    """A loaded candidate: `once` is what is timed, `outputs` its answer as arrays.

    `multiply_adds` are those of its products, "plain" by definition and "chosen" as it does them, where it tells them.
    """

    once: Callable[[], Any]
    outputs: Callable[[], Sequence[np.ndarray]]
    version: str
    about: str = ""
    multiply_adds: Mapping[str, int] | None = None


INFERENCE = {
    "medtorch compiled": "benchmarks.peers.ours:compiled",
    "medtorch compiled fast": "benchmarks.peers.ours:compiled_fast",
    "medtorch eager": "benchmarks.peers.ours:eager",
    "PyTorch eager": "benchmarks.peers.pytorch:eager",
    "PyTorch channels-last": "benchmarks.peers.pytorch:channels_last",
    "TorchScript frozen": "benchmarks.peers.pytorch:torchscript",
    "torch.compile": "benchmarks.peers.pytorch:inductor",
    "ONNX Runtime": "benchmarks.peers.onnx:onnx_runtime",
    "OpenVINO": "benchmarks.peers.onnx:openvino",
}
TRAINING = {
    "medtorch": "benchmarks.peers.ours:training",
    "PyTorch eager": "benchmarks.peers.pytorch:training",
    "PyTorch channels-last": "benchmarks.peers.pytorch:training_channels_last",
}
TRAINING_CHECKS = 3  # steps whose losses are compared


def is_ours(name: str) -> bool:
    return name.startswith("medtorch")


def candidates(workload: Workload) -> dict[str, str]:
    """Names and places of the candidates that a workload has."""
    return TRAINING if workload.training else INFERENCE


def load(place: str) -> Callable[[Job], Run]:
    """The function at `module:name`."""
    module, _, name = place.partition(":")
    found: Callable[[Job], Run] = getattr(importlib.import_module(module), name)
    return found


def arrays(answer: Any) -> list[Any]:
    """The tensors of a model's answer: one, a sequence, or a dict by name."""
    if isinstance(answer, dict):
        return list(answer.values())
    return list(answer) if isinstance(answer, (list, tuple)) else [answer]


def output_file(folder: Path, peer: str, outputs: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
    """Keep a candidate's outputs, or read those that it kept."""
    path = folder / f"outputs-{peer.replace(':', '-').replace('/', '-')}.npz"
    if outputs is not None:
        np.savez(path, *outputs)
    with np.load(path) as file:
        return [file[key] for key in file.files]
