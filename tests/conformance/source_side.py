"""One side of the comparison: run the cases of a group with one `torch`, write what came out.

    python -m tests.conformance.source_side (torch|medtorch) GROUP OUT PATH... [--only NAME]

What came out of case N goes to OUT.N.npz, what there is to say of all to OUT.json.

The side `medtorch` runs in a process where PyTorch cannot be imported.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import numpy as np


class Refusing(MetaPathFinder):
    """Makes PyTorch impossible to import."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname.partition(".")[0] in ("torch", "functorch", "torchgen"):
            raise ModuleNotFoundError(f"No module named {fullname!r}: this process has no PyTorch")


def torchvisions_operators() -> Any:
    """Schemas of torchvision's operators, whose library is built for another PyTorch; and two of them in Python."""
    library = importlib.import_module("torch.library").Library("torchvision", "DEF")
    for name in ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"):
        library.define(f"{name}(Tensor a) -> Tensor")
    oracle = importlib.import_module("tests.conformance.detection_oracle")
    for place, name in (("boxes", "nms"), ("poolers", "roi_align")):
        vars(importlib.import_module(f"torchvision.ops.{place}"))[name] = getattr(oracle, name)
    models = importlib.import_module("torchvision.models.detection.roi_heads")
    faces = importlib.import_module("torchvision.ops")
    models.roi_align, faces.roi_align, faces.nms = oracle.roi_align, oracle.roi_align, oracle.nms
    return library


@contextlib.contextmanager
def side(name: str) -> Iterator[Any]:
    """The module of cases, with `torch` being PyTorch or medtorch."""
    if name == "torch":
        importlib.import_module("torch").set_num_threads(1)
        kept = torchvisions_operators() if importlib.util.find_spec("torchvision") is not None else None
        yield importlib.import_module("tests.conformance.source_cases")
        del kept
        return
    sys.meta_path.insert(0, Refusing())
    as_torch = importlib.import_module("medtorch.compat").as_torch
    with as_torch(load=Path(__file__).with_name("source_cases.py")) as cases:
        yield cases


def main() -> None:
    """Run the cases; errors are part of what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=("torch", "medtorch"))
    parser.add_argument("group")
    parser.add_argument("out", type=Path)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--only", default="")
    parser.add_argument("--trace", action="store_true")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.path[1:1] = chosen.paths
    arrays: dict[str, np.ndarray] = {}
    notes: dict[str, dict[str, Any]] = {}
    with side(chosen.side) as cases:
        for case in cases.cases(chosen.group):
            if chosen.only and chosen.only not in case.name:
                continue
            start = time.monotonic()
            try:
                found = cases.outcome(case)
                arrays |= {f"{case.name}/{part}": value for part, value in found.items()}
                notes[case.name] = {"error": ""}
            except Exception as error:  # the error is the outcome
                notes[case.name] = {"error": f"{type(error).__name__}: {str(error).splitlines()[:1]}"[:160]}
                if chosen.trace:
                    traceback.print_exc()
            notes[case.name]["seconds"] = round(time.monotonic() - start, 2)
            print(chosen.side, case.name, notes[case.name], flush=True)
            np.savez(chosen.out.with_suffix(f".{len(notes)}.npz"), **arrays)
            chosen.out.with_suffix(".json").write_text(json.dumps(notes))
            arrays.clear()
    if chosen.side == "medtorch" and any(getattr(m, "__file__", None) is not None for m in _pytorchs()):
        raise SystemExit("PyTorch was imported")


def _pytorchs() -> list[Any]:
    return [m for name, m in sys.modules.items() if name.partition(".")[0] == "torch"]


if __name__ == "__main__":
    main()
