"""The commands of `python -m validation`; exit codes 0 PASS, 1 FAIL, 2 INCOMPLETE, 3 INTEGRITY, 4 USAGE."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from validation import edit
from validation.canonical import file_sha256
from validation.check import check
from validation.collect import collect
from validation.distributions import installed
from validation.errors import EXIT_CODES, FAIL, INTEGRITY, PASS, UsageError, ValidationError
from validation.findings import errors, warnings
from validation.report import DIGESTS_FILE
from validation.run import Options, run
from validation.services import read_service, service_files
from validation.signing.keys import new_private_key
from validation.signing.sign import check_signatures, now, sign
from validation.signing.trust import MEANINGS, ROLES, add_key, read_trust
from validation.soup.draft import draft_record
from validation.soup.related import related_items
from validation.trace import TRACE_FILE
from validation.verify import verify

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
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Parser)

    make = commands.add_parser("check", help="do trace, tests, records and services agree?")
    make.set_defaults(command=_check)

    make = commands.add_parser("run", help="run the tests a service needs and write its report")
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
    make.add_argument("--timeout", type=float, default=3600.0, metavar="SECONDS", help="for all tests together (3600)")
    make.set_defaults(command=_run)

    make = commands.add_parser("verify", help="is this folder the report that was written?")
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--digest", type=_sha256, metavar="HEX", help=f"the sha256 that `run` printed for {DIGESTS_FILE}")
    make.add_argument(
        "--trust",
        type=Path,
        metavar="FILE",
        help="check the signatures too, against the keys of this file (trust.json)",
    )
    make.set_defaults(command=_verify)

    make = commands.add_parser("keygen", help="make a signing key; its public half goes into a trust file")
    make.add_argument(
        "key", type=Path, metavar="KEY.pem", help="where the private key goes: keep it out of every image"
    )
    make.add_argument("--trust", type=Path, required=True, metavar="FILE")
    make.add_argument("--name", required=True, metavar="WHO", help="whose key it is; a person or a machine")
    make.add_argument("--role", action="append", required=True, choices=ROLES)
    make.set_defaults(command=_keygen)

    make = commands.add_parser("sign", help="sign a report in one role, after verifying it")
    make.add_argument("report", type=Path, metavar="DIR")
    make.add_argument("--key", type=Path, required=True, metavar="KEY.pem")
    make.add_argument("--role", required=True, choices=ROLES)
    make.add_argument("--name", required=True, metavar="WHO", help="as in the trust file")
    make.set_defaults(command=_sign)

    make = commands.add_parser("link", help="write into the trace which tests carry which marker")
    make.set_defaults(command=_link)

    make = commands.add_parser("add", help="add requirements to the trace, or take over changed ones, as drafts")
    make.add_argument("files", nargs="+", type=Path, metavar="FILE")
    make.add_argument("--by", required=True, metavar="WHO")
    make.set_defaults(command=_add)

    make = commands.add_parser("review", help="record that a changed requirement was looked at")
    make.add_argument("requirement", metavar="ID")
    make.add_argument("--by", required=True, metavar="WHO")
    make.add_argument("--reason", required=True, metavar="TEXT")
    make.set_defaults(command=_review)

    soup = commands.add_parser("soup", help="SOUP records: draft one, or list which service uses which version")
    actions = soup.add_subparsers(title="actions", required=True, metavar="ACTION", parser_class=_Parser)
    make = actions.add_parser("new", help="draft the record of an installed distribution, or add its version")
    make.add_argument("name", metavar="NAME")
    make.add_argument("--by", required=True, metavar="WHO")
    make.add_argument("--used-in", action="append", required=True, choices=["runtime", "validation", "development"])
    make.set_defaults(command=_soup_new)
    make = actions.add_parser("services", help="which service uses which version")
    make.set_defaults(command=_soup_services)
    return parser


def _check(options: argparse.Namespace) -> int:
    found = check(_root(options), installed())
    for finding in found:
        print(finding)
    print(f"{len(errors(found))} errors, {len(warnings(found))} warnings")
    return FAIL if errors(found) else PASS


def _run(options: argparse.Namespace) -> int:
    wanted = Options(options.service, options.out.resolve(), options.bundle, options.sha256, options.timeout)
    report = run(_root(options), wanted, say=lambda line: print(line, flush=True))
    evaluation = report["core"]["evaluation"]
    for entry in evaluation["requirements"]:
        if entry["state"] != "PASSED":
            print(f"{entry['state']:14} {entry['id']} {entry['title']}: {entry['reason']}")
    counts = ", ".join(f"{count} {state}" for state, count in evaluation["counts"].items() if count)
    print(f"\n{evaluation['verdict']}: {counts}")
    print(f"report  {options.out / 'report.html'}")
    print(f"digest  {file_sha256(options.out / DIGESTS_FILE)}")
    return EXIT_CODES[evaluation["verdict"]]


def _verify(options: argparse.Namespace) -> int:
    report = verify(options.report, options.digest)
    signatures = check_signatures(options.report, report, read_trust(options.trust), now()) if options.trust else None
    word = report["core"]["evaluation"]["verdict"]
    print(f"intact: {report['core']['service']['name']}, {report['volatile']['made_at']}, verdict {word}")
    if signatures is None:
        print("signatures were not checked (--trust): this shows what the report says, not who says so")
    for one in signatures or []:
        print(f"signed: {one.role:9} {one.name}, {one.signed_at}: {MEANINGS[one.role]} (key {one.key_id[:16]})")
    return EXIT_CODES[word]


def _keygen(options: argparse.Namespace) -> int:
    if options.trust.exists():
        read_trust(options.trust)  # refused before a key is made that would be in no trust file
    public = new_private_key(options.key, _passphrase())
    print(f"key {add_key(options.trust, public, name=options.name, roles=tuple(options.role))}")
    return PASS


def _sign(options: argparse.Namespace) -> int:
    report = verify(options.report)
    path = sign(options.report, report, key=options.key, passphrase=_passphrase(), role=options.role, name=options.name)
    print(f"{options.name} {MEANINGS[options.role]}: {path}")
    return PASS


def _passphrase() -> bytes | None:
    """The passphrase of a private key comes from the environment, so that no list of processes shows it."""
    text = os.environ.get("MEDTORCH_KEY_PASSPHRASE")
    return None if text is None else text.encode()


def _link(options: argparse.Namespace) -> int:
    root = _root(options)
    for line in edit.link(root, collect(root)):
        print(line)
    return PASS


def _add(options: argparse.Namespace) -> int:
    for path in options.files:
        added, changed = edit.add(_root(options), path, by=options.by, date=_today())
        print(f"{path.name}: {len(added)} added, {len(changed)} changed")
    return PASS


def _review(options: argparse.Namespace) -> int:
    print(edit.review(_root(options), options.requirement, by=options.by, date=_today(), reason=options.reason))
    return PASS


def _soup_new(options: argparse.Namespace) -> int:
    print(draft_record(_root(options), options.name, by=options.by, used_in=options.used_in, date=_today()))
    return PASS


def _soup_services(options: argparse.Namespace) -> int:
    services = [read_service(path) for path in service_files(_root(options))]
    for name, versions in related_items(services).items():
        for version, users in versions.items():
            print(f"{name:22} {version:12} {', '.join(users)}")
    return PASS


def _root(options: argparse.Namespace) -> Path:
    root: Path = options.root.resolve()
    if not (root / TRACE_FILE).is_file():
        raise UsageError(f"{root} holds no {TRACE_FILE}: give the checkout with --root")
    return root


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError("must be 64 hexadecimal digits")
    return text
