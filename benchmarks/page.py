"""`python -m benchmarks.page out/bench/benchmarks.json`: docs/benchmarks.md and its picture, from a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import plot, report
from benchmarks.protocol import ROOT

HEAD = """# Benchmarks

One run of `make bench`, as it came out: this page is made from its [samples](benchmarks.json) by
`python -m benchmarks.page`, not written.
What was tried, and why a missed goal is missed, stands in [decisions/](decisions/).

![How many times as fast as the best peer of each workload](images/benchmarks.svg)

"""


def write(result: dict[str, Any], docs: Path) -> None:
    """Text, picture, and the samples that both are made of."""
    (docs / "benchmarks.json").write_text(json.dumps(result, sort_keys=True) + "\n")
    (docs / "benchmarks.md").write_text(HEAD + report.markdown(result))
    plot.draw(result, docs / "images" / "benchmarks.svg")


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text()), ROOT / "docs")
