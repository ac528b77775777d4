"""What can go wrong, and the exit code that says so.

ValidationError
├── UsageError       exit 4   the command cannot be carried out as it was given
├── RecordError      exit 1   a file of the trace, the records or the services is not what it must be
└── IntegrityError   exit 3   a report is not the report that was written
"""

from __future__ import annotations

PASS, FAIL, INCOMPLETE, INTEGRITY, USAGE = 0, 1, 2, 3, 4

EXIT_CODES = {"PASS": PASS, "FAIL": FAIL, "INCOMPLETE": INCOMPLETE}


class ValidationError(Exception):
    """Root of every error that the validation system raises on purpose."""

    exit_code = INTEGRITY


class UsageError(ValidationError):
    """The command cannot be carried out as it was given."""

    exit_code = USAGE


class RecordError(ValidationError):
    """A file of the trace, the records or the services is not what it must be."""

    exit_code = FAIL


class IntegrityError(ValidationError):
    """A report is not the report that was written."""

    exit_code = INTEGRITY
