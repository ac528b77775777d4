"""The commands of `python -m validation`; exit codes 0 PASS, 1 FAIL, 2 INCOMPLETE, 3 INTEGRITY, 4 USAGE."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence

from validation.arguments import make_parser
from validation.errors import INTEGRITY, UsageError, ValidationError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Errors are one sentence on stderr."""
    if not __debug__:
        return _complain(UsageError("python -O takes the assertions out of tests: nothing can be validated with it"))
    try:
        options = make_parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except ValidationError as error:
        return _complain(error)
    except Exception:  # noqa: BLE001  a crash of the tool must never look like a verdict
        traceback.print_exc()
        print("validation: the tool itself broke, this is no verdict", file=sys.stderr)
        return INTEGRITY


def _complain(error: ValidationError) -> int:
    print(f"validation: {error}", file=sys.stderr)
    return error.exit_code
