"""The `medtorch` command. Results go to stdout and nothing else does; everything said to people goes to stderr.

Exit codes: 0 good; 1 the answer is no; 2 wrong usage; 3 bad or tampered input; 70 medtorch itself broke;
130 interrupted.

Requires  REQ-F-CLI-001
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from medtorch.cli.exits import USAGE, complain


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        from medtorch.cli.app import run  # noqa: PLC0415  the one door to click
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        return complain("click is not installed: pip install 'medtorch[cli]'", USAGE)
    return run(list(sys.argv[1:] if arguments is None else arguments))
