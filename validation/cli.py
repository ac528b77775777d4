"""The commands of `python -m validation`; exit codes 0 PASS, 1 FAIL, 2 INCOMPLETE, 3 INTEGRITY, 4 USAGE."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from validation import commands
from validation.errors import INTEGRITY, UsageError, ValidationError
from validation.report import DIGESTS_FILE
from validation.signing.trust import ROLES

EPILOG = "exit codes: 0 PASS, 1 FAIL, 2 INCOMPLETE, 3 INTEGRITY, 4 USAGE"


class _Parser(argparse.ArgumentParser):
    """argparse ends with 2 on wrong usage, which here would mean INCOMPLETE."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} ({self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Errors are one sentence on stderr."""
    if not __debug__:
        return _complain(UsageError("python -O takes the assertions out of tests: nothing can be validated with it"))
    try:
        options = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m validation", description="Requirements, tests, records, reports.", epilog=EPILOG)
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout (default: here)")
    group = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Parser)

    make = group.add_parser("check", help="do trace, tests, records and services agree?")
    make.set_defaults(command=commands.check_command)

    make = group.add_parser("run", help="run the tests a service needs and write its report")
    make.add_argument("--service", required=True, metavar="NAME")
    make.add_argument("--out", required=True, type=Path, metavar="DIR")
    make.add_argument(
        "--bundle",
        type=Path,
        metavar="PATH",
        default=os.environ.get("MEDTORCH_SERVICE_BUNDLE"),
        help="instead of the bundle the service file names (default: $MEDTORCH_SERVICE_BUNDLE, if set)",
    )
    make.add_argument("--sha256", type=_sha256, metavar="HEX", help="the digest the bundle must have")
    make.add_argument("--content", type=Path, metavar="FILE", help="what `seal` wrote of the image in which this runs")
    make.add_argument("--osv", type=Path, metavar="ZIP", help="a snapshot of OSV's advisories for PyPI (all.zip)")
    make.add_argument("--osv-retrieved", metavar="DATE", help="the day on which it was fetched (with --osv)")
    make.add_argument("--timeout", type=float, default=3600.0, metavar="SECONDS", help="for all tests together (3600)")
    make.set_defaults(command=commands.run_command)

    make = group.add_parser("verify", help="is this folder the report that was written?")
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--digest", type=_sha256, metavar="HEX", help=f"the sha256 that `run` printed for {DIGESTS_FILE}")
    make.add_argument(
        "--trust",
        type=Path,
        metavar="FILE",
        help="check the signatures too, against the keys of this file (trust.json)",
    )
    make.add_argument(
        "--image", type=Path, metavar="LAYOUT", help="check, too, that it is bound to this image (with --trust)"
    )
    make.set_defaults(command=commands.verify_command)

    make = group.add_parser("keygen", help="make a signing key; its public half goes into a trust file")
    make.add_argument(
        "key", type=Path, metavar="KEY.pem", help="where the private key goes: keep it out of every image"
    )
    make.add_argument("--trust", type=Path, required=True, metavar="FILE")
    make.add_argument("--name", required=True, metavar="WHO", help="whose key it is; a person or a machine")
    make.add_argument("--role", action="append", required=True, choices=ROLES)
    make.set_defaults(command=commands.keygen_command)

    make = group.add_parser("sign", help="sign a report in one role, after verifying it")
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--key", type=Path, required=True, metavar="KEY.pem")
    make.add_argument("--role", required=True, choices=ROLES)
    make.add_argument("--name", required=True, metavar="WHO", help="as in the trust file")
    make.set_defaults(command=commands.sign_command)

    make = group.add_parser("seal", help="write down what lies in an image, before it is validated")
    make.add_argument("root", type=Path, metavar="FOLDER", help="the root of the image: / inside it")
    make.add_argument("--out", type=Path, required=True, metavar="FILE")
    make.add_argument(
        "--without", action="append", default=[], metavar="PATH", help="tools of the validation, not of the image"
    )
    make.set_defaults(command=commands.seal_command)

    make = group.add_parser("bind", help="attach to an image the signed statement that the report is about it")
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--image", type=Path, required=True, metavar="LAYOUT", help="podman save --format oci-dir")
    make.add_argument("--key", type=Path, required=True, metavar="KEY.pem")
    make.add_argument("--name", required=True, metavar="WHO", help="as in the trust file")
    make.set_defaults(command=commands.bind_command)

    make = group.add_parser("pdf", help="a report as a PDF, after verifying it")
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--out", type=Path, required=True, metavar="FILE.pdf")
    make.set_defaults(command=commands.pdf_command)

    make = group.add_parser("diff", help="what lies between two reports, and what must be verified again")
    make.add_argument("old", type=Path, metavar="OLD")
    make.add_argument("new", type=Path, metavar="NEW")
    make.add_argument("--json", type=Path, metavar="FILE", help="write it as data, too")
    make.set_defaults(command=commands.diff_command)

    make = group.add_parser("reassess", help="hold a report against newer advisories; nothing is run again")
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--osv", type=Path, required=True, metavar="ZIP")
    make.add_argument("--osv-retrieved", required=True, metavar="DATE")
    make.add_argument("--key", type=Path, required=True, metavar="KEY.pem", help="of an executor")
    make.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the signed addendum goes")
    make.set_defaults(command=commands.reassess_command)

    make = group.add_parser("merge", help="one report of runs of one plan on several machines")
    make.add_argument("reports", nargs="+", type=Path, metavar="DIR")
    make.add_argument("--out", required=True, type=Path, metavar="DIR")
    make.add_argument("--trust", type=Path, metavar="FILE", help="each part must be signed by an executor trusted here")
    make.set_defaults(command=commands.merge_command)

    make = group.add_parser("link", help="write into the trace which tests carry which marker")
    make.set_defaults(command=commands.link_command)

    make = group.add_parser("add", help="add requirements to the trace, or take over changed ones, as drafts")
    make.add_argument("files", nargs="+", type=Path, metavar="FILE")
    make.add_argument("--by", required=True, metavar="WHO")
    make.set_defaults(command=commands.add_command)

    make = group.add_parser("review", help="record that a changed requirement was looked at")
    make.add_argument("requirement", metavar="ID")
    make.add_argument("--by", required=True, metavar="WHO")
    make.add_argument("--reason", required=True, metavar="TEXT")
    make.set_defaults(command=commands.review_command)

    make = group.add_parser("osv", help="which published vulnerabilities hit the recorded versions?")
    make.add_argument("snapshot", type=Path, metavar="ZIP")
    make.add_argument("--retrieved", required=True, metavar="DATE", help="the day on which it was fetched")
    make.set_defaults(command=commands.osv_command)

    soup = group.add_parser("soup", help="SOUP records: draft one, or list which service uses which version")
    actions = soup.add_subparsers(title="actions", required=True, metavar="ACTION", parser_class=_Parser)
    make = actions.add_parser("new", help="draft the record of an installed distribution, or add its version")
    make.add_argument("name", metavar="NAME")
    make.add_argument("--by", required=True, metavar="WHO")
    make.add_argument("--used-in", action="append", required=True, choices=["runtime", "validation", "development"])
    make.set_defaults(command=commands.soup_new_command)
    make = actions.add_parser("show", help="a record as a document: Markdown, or one HTML file")
    make.add_argument("name", metavar="NAME")
    make.add_argument("--html", type=Path, metavar="FILE")
    make.set_defaults(command=commands.soup_show_command)
    make = actions.add_parser("services", help="which service uses which version")
    make.set_defaults(command=commands.soup_services_command)
    return parser


def _sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError("must be 64 hexadecimal digits")
    return text
