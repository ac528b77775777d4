"""What can be said to each command of `python -m validation`: one function a subject."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from validation import commands
from validation.errors import UsageError
from validation.report import DIGESTS_FILE
from validation.signing.trust import ROLES

EPILOG = "exit codes: 0 PASS, 1 FAIL, 2 INCOMPLETE, 3 INTEGRITY, 4 USAGE"
Command = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """argparse ends with 2 on wrong usage, which here would mean INCOMPLETE."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} ({self.prog} --help)")


class Group:
    """Takes commands in, each with what it does."""

    def __init__(self, parser: argparse.ArgumentParser, title: str, metavar: str) -> None:
        self._parsers: Any = parser.add_subparsers(title=title, required=True, metavar=metavar, parser_class=Parser)

    def new(self, name: str, help: str, command: Command | None = None) -> Parser:
        """A command; one without `command` holds a group of its own."""
        made: Parser = self._parsers.add_parser(name, help=help)
        if command is not None:
            made.set_defaults(command=command)
        return made


def make_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(prog="python -m validation", description="Requirements, tests, records, reports.", epilog=EPILOG)
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout (default: here)")
    group = Group(parser, "commands", "COMMAND")
    group.new("check", "do trace, tests, records and services agree?", commands.check_command)
    _running(group)
    _reading(group)
    _signing(group)
    _images(group)
    _comparing(group)
    _tracing(group)
    _records(group)
    return parser


def _running(group: Group) -> None:
    make = group.new("run", "run the tests a service needs and write its report", commands.run_command)
    make.add_argument("--service", required=True, metavar="NAME")
    make.add_argument("--out", required=True, type=Path, metavar="DIR")
    make.add_argument(
        "--bundle",
        type=Path,
        metavar="PATH",
        default=os.environ.get("MEDTORCH_SERVICE_BUNDLE"),
        help="instead of the bundle the service file names (default: $MEDTORCH_SERVICE_BUNDLE, if set)",
    )
    make.add_argument(
        "--sha256", type=_sha256, metavar="HEX", help="the digest that the bundle, or the tool, must have"
    )
    make.add_argument("--content", type=Path, metavar="FILE", help="what `seal` wrote of the image in which this runs")
    make.add_argument("--osv", type=Path, metavar="ZIP", help="a snapshot of OSV's advisories for PyPI (all.zip)")
    make.add_argument("--osv-retrieved", metavar="DATE", help="the day on which it was fetched (with --osv)")
    make.add_argument("--timeout", type=float, default=3600.0, metavar="SECONDS", help="for all tests together (3600)")


def _reading(group: Group) -> None:
    make = group.new("verify", "is this folder the report that was written?", commands.verify_command)
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--digest", type=_sha256, metavar="HEX", help=f"the sha256 that `run` printed for {DIGESTS_FILE}")
    trusted = "check the signatures too, against the keys of this file (trust.json)"
    make.add_argument("--trust", type=Path, metavar="FILE", help=trusted)
    bound = "check, too, that it is bound to this image (with --trust)"
    make.add_argument("--image", type=Path, metavar="LAYOUT", help=bound)

    make = group.new("pdf", "a report as a PDF, after verifying it", commands.pdf_command)
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--out", type=Path, required=True, metavar="FILE.pdf")


def _signing(group: Group) -> None:
    make = group.new("keygen", "make a signing key; its public half goes into a trust file", commands.keygen_command)
    where = "where the private key goes: keep it out of every image"
    make.add_argument("key", type=Path, metavar="KEY.pem", help=where)
    make.add_argument("--trust", type=Path, required=True, metavar="FILE")
    make.add_argument("--name", required=True, metavar="WHO", help="whose key it is; a person or a machine")
    make.add_argument("--role", action="append", required=True, choices=ROLES)

    make = group.new("sign", "sign a report in one role, after verifying it", commands.sign_command)
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--key", type=Path, required=True, metavar="KEY.pem")
    make.add_argument("--role", required=True, choices=ROLES)
    make.add_argument("--name", required=True, metavar="WHO", help="as in the trust file")


def _images(group: Group) -> None:
    make = group.new("seal", "write down what lies in an image, before it is validated", commands.seal_command)
    make.add_argument("root", type=Path, metavar="FOLDER", help="the root of the image: / inside it")
    make.add_argument("--out", type=Path, required=True, metavar="FILE")
    outside = "tools of the validation, not of the image"
    make.add_argument("--without", action="append", default=[], metavar="PATH", help=outside)

    make = group.new(
        "bind", "attach to an image the signed statement that the report is about it", commands.bind_command
    )
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--image", type=Path, required=True, metavar="LAYOUT", help="podman save --format oci-dir")
    make.add_argument("--key", type=Path, required=True, metavar="KEY.pem")
    make.add_argument("--name", required=True, metavar="WHO", help="as in the trust file")


def _comparing(group: Group) -> None:
    make = group.new("diff", "what lies between two reports, and what must be verified again", commands.diff_command)
    make.add_argument("old", type=Path, metavar="OLD")
    make.add_argument("new", type=Path, metavar="NEW")
    make.add_argument("--json", type=Path, metavar="FILE", help="write it as data, too")

    make = group.new(
        "reassess", "hold a report against newer advisories; nothing is run again", commands.reassess_command
    )
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--osv", type=Path, required=True, metavar="ZIP")
    make.add_argument("--osv-retrieved", required=True, metavar="DATE")
    make.add_argument("--key", type=Path, required=True, metavar="KEY.pem", help="of an executor")
    make.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the signed addendum goes")

    make = group.new("merge", "one report of runs of one plan on several machines", commands.merge_command)
    make.add_argument("reports", nargs="+", type=Path, metavar="DIR")
    make.add_argument("--out", required=True, type=Path, metavar="DIR")
    make.add_argument("--trust", type=Path, metavar="FILE", help="each part must be signed by an executor trusted here")


def _tracing(group: Group) -> None:
    group.new("link", "write into the trace which tests carry which marker", commands.link_command)

    make = group.new("add", "add requirements to the trace, or take over changed ones, as drafts", commands.add_command)
    make.add_argument("files", nargs="+", type=Path, metavar="FILE")
    make.add_argument("--by", required=True, metavar="WHO")

    make = group.new("review", "record that a changed requirement was looked at", commands.review_command)
    make.add_argument("requirement", metavar="ID")
    make.add_argument("--by", required=True, metavar="WHO")
    make.add_argument("--reason", required=True, metavar="TEXT")


def _records(group: Group) -> None:
    make = group.new("osv", "which published vulnerabilities hit the recorded versions?", commands.osv_command)
    make.add_argument("snapshot", type=Path, metavar="ZIP")
    make.add_argument("--retrieved", required=True, metavar="DATE", help="the day on which it was fetched")

    soup = group.new("soup", "SOUP records: draft one, or list which service uses which version")
    actions = Group(soup, "actions", "ACTION")
    make = actions.new(
        "new", "draft the record of an installed distribution, or add its version", commands.soup_new_command
    )
    make.add_argument("name", metavar="NAME")
    make.add_argument("--by", required=True, metavar="WHO")
    make.add_argument("--used-in", action="append", required=True, choices=["runtime", "validation", "development"])
    make = actions.new("show", "a record as a document: Markdown, or one HTML file", commands.soup_show_command)
    make.add_argument("name", metavar="NAME")
    make.add_argument("--html", type=Path, metavar="FILE")
    actions.new("locked", "take the digests of the images' locks into the records", commands.soup_locked_command)
    actions.new("services", "which service uses which version", commands.soup_services_command)


def _sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError("must be 64 hexadecimal digits")
    return text
