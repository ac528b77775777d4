"""Write recorded_runs.json anew from PyTorch: `python -m tests.optim.record`."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from tests.optim.recorded_cases import CASES, run


def main() -> None:
    record = {"torch": torch.__version__, "cases": {case.id: run(torch, case) for case in CASES}}
    text = json.dumps(record, separators=(",", ":")).replace('}},"middle', '}},\n"middle')
    Path(__file__).with_name("recorded_runs.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
