"""Write recorded_layers.json anew from PyTorch: `python -m tests.nn.modules.record`."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch

from tests.nn.modules.layer_cases import CASES, run

PLACE = Path(__file__).with_name("recorded_layers.json")


def main() -> None:
    warnings.simplefilter("ignore")  # torch tells that it guesses a dim or copies; neither is a subject here
    recorded = {"torch": torch.__version__, "cases": {case.id: run(torch, case) for case in CASES}}
    PLACE.write_text(json.dumps(recorded, indent=None, separators=(",", ":")).replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
