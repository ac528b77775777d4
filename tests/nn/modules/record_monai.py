"""Write recorded_segmentation.json anew from MONAI: `python -m tests.nn.modules.record_monai`."""

from __future__ import annotations

import json
from pathlib import Path

import monai
import torch

from tests.nn.modules.segmentation_cases import CASES, id_of, run


def main() -> None:
    cases = {id_of(case): run(torch, monai.losses, case) for case in CASES if case[3]}
    record = {"monai": monai.__version__, "torch": torch.__version__, "cases": cases}
    text = json.dumps(record, separators=(",", ":")).replace('},"', '},\n"')
    Path(__file__).with_name("recorded_segmentation.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
