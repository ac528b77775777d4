"""Write recorded_layers.json and recorded_losses.json anew from PyTorch: `python -m tests.nn.modules.record`."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch

from tests.nn.modules import layer_cases, loss_cases

HERE = Path(__file__).parent


def main() -> None:
    warnings.simplefilter("ignore")  # torch tells that it guesses a dim or copies; neither is a subject here
    write("recorded_layers.json", {case.id: layer_cases.run(torch, case) for case in layer_cases.CASES})
    write("recorded_losses.json", {loss_cases.id_of(case): loss_cases.run(torch, case) for case in loss_cases.CASES})


def write(name: str, cases: dict[str, Any]) -> None:
    text = json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":"))
    (HERE / name).write_text(text.replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
