"""What can go wrong, and the exit code that says so.

ValidationError
├── UsageError       exit 4   the command cannot be carried out as it was given
├── RecordError      exit 1   a file of the trace, the records or the services is not what it must be
└── IntegrityError   exit 3   a report, an image or a log is not what was written; `code` says in which way
"""

from __future__ import annotations

PASS, FAIL, INCOMPLETE, INTEGRITY, USAGE = 0, 1, 2, 3, 4

EXIT_CODES = {"PASS": PASS, "FAIL": FAIL, "INCOMPLETE": INCOMPLETE}

# One code for each way in which evidence can be false: tests, documentation and the independent verifier use the same.
INTEGRITY_CODES = {
    "I01": "not a validation report, or one that cannot be read",
    "I02": "files are missing, added or changed",
    "I03": "not the report with the digest that was asked for",
    "I04": "the digest of the report's core is wrong",
    "I05": "the report belongs to another plan, tool or bundle",
    "I06": "the result does not follow from the raw outcomes",
    "I07": "the page or the JUnit file does not show what the report says",
    "I08": "a requirement is not the one that was reviewed",
    "I10": "a signature that must be there is missing",
    "I11": "a signature file cannot be read",
    "I12": "a signature does not belong to its text",
    "I13": "a key is not trusted for this",
    "I14": "what was signed is another report",
    "I15": "the times contradict each other",
    "I16": "one person or key signs in roles that must be apart",
    "I17": "a newer report has taken the place of this one",
    "I20": "the content of the image is not what was sealed",
    "I21": "the report is bound to another image",
    "I22": "the parts of a run contradict each other",
    "I23": "a result needs a device that its machine did not have",
}


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
    """A report, an image or a log is not what was written. `code` is one of INTEGRITY_CODES."""

    exit_code = INTEGRITY

    def __init__(self, code: str, message: str) -> None:
        if code not in INTEGRITY_CODES:
            raise ValueError(f"no such integrity code: {code}")
        super().__init__(f"{code} {message}")
        self.code = code
