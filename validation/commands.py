"""What each command of `python -m validation` does once its arguments are read; returns the exit code."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from validation import edit
from validation.advisories.osv import read_snapshot
from validation.advisories.review import advisory_findings, review
from validation.atomic import write_file
from validation.canonical import file_sha256, readable_json
from validation.check import check
from validation.collect import collect
from validation.diff import compare, tell
from validation.distributions import installed
from validation.errors import EXIT_CODES, FAIL, PASS, UsageError
from validation.findings import errors, warnings
from validation.image.bind import bind, check_binding
from validation.image.content import OUTSIDE, describe, walk
from validation.image.layout import Layout
from validation.merge import merge
from validation.pdf import render_pdf
from validation.reassess import reassess, sign_addendum
from validation.report import DIGESTS_FILE
from validation.run import Options, run
from validation.services import read_service, service_files
from validation.signing.keys import new_private_key
from validation.signing.sign import check_signatures, now, sign
from validation.signing.trust import MEANINGS, add_key, read_trust
from validation.soup.document import render_markdown, render_page
from validation.soup.draft import draft_record
from validation.soup.locks import record_artifacts
from validation.soup.records import load_records
from validation.soup.related import related_items
from validation.trace import TRACE_FILE
from validation.trace_rules import load_trace
from validation.verify import verify


def check_command(options: argparse.Namespace) -> int:
    found = check(_root(options), installed())
    for finding in found:
        print(finding)
    print(f"{len(errors(found))} errors, {len(warnings(found))} warnings")
    return FAIL if errors(found) else PASS


def run_command(options: argparse.Namespace) -> int:
    if (options.osv is None) != (options.osv_retrieved is None):
        raise UsageError("--osv and --osv-retrieved belong together: a snapshot counts for the day it was fetched")
    wanted = Options(
        service=options.service,
        out=options.out.resolve(),
        bundle=options.bundle,
        sha256=options.sha256,
        content=options.content,
        advisories=None if options.osv is None else read_snapshot(options.osv, _date(options.osv_retrieved)),
        timeout_s=options.timeout,
    )
    report = run(_root(options), wanted, say=lambda line: print(line, flush=True))
    _tell(report, options.out)
    return EXIT_CODES[report["core"]["evaluation"]["verdict"]]


def verify_command(options: argparse.Namespace) -> int:
    report = verify(options.report, options.digest)
    signatures = check_signatures(options.report, report, read_trust(options.trust), now()) if options.trust else None
    word = report["core"]["evaluation"]["verdict"]
    print(f"intact: {report['core']['service']['name']}, {report['volatile']['made_at']}, verdict {word}")
    if signatures is None:
        print("signatures were not checked (--trust): this shows what the report says, not who says so")
    if options.image is not None:
        if options.trust is None:
            raise UsageError("--image needs --trust: who bound the report to the image?")
        bound = check_binding(options.report, report, Layout(options.image), read_trust(options.trust), now())
        print(f"bound to the image {bound}")
    for one in signatures or []:
        print(f"signed: {one.role:9} {one.name}, {one.signed_at}: {MEANINGS[one.role]} (key {one.key_id[:16]})")
    return EXIT_CODES[word]


def merge_command(options: argparse.Namespace) -> int:
    reports = [verify(folder) for folder in options.reports]
    if options.trust is not None:
        trust = read_trust(options.trust)
        for folder, report in zip(options.reports, reports, strict=True):
            check_signatures(folder, report, trust, now(), roles=["executor"])
    report = merge(options.reports, reports, options.out)
    _tell(report, options.out)
    return EXIT_CODES[report["core"]["evaluation"]["verdict"]]


def _tell(report: Mapping[str, Any], out: Path) -> None:
    """What a report says, in lines: what is open, the counts, where it lies."""
    evaluation = report["core"]["evaluation"]
    for entry in evaluation["requirements"]:
        if entry["state"] != "PASSED":
            print(f"{entry['state']:14} {entry['id']} {entry['title']}: {entry['reason']}")
    counts = ", ".join(f"{count} {state}" for state, count in evaluation["counts"].items() if count)
    print(f"\n{evaluation['verdict']}: {counts}")
    print(f"report  {out / 'report.html'}")
    print(f"digest  {file_sha256(out / DIGESTS_FILE)}")


def pdf_command(options: argparse.Namespace) -> int:
    write_file(options.out, render_pdf(verify(options.report)))
    print(options.out)
    return PASS


def diff_command(options: argparse.Namespace) -> int:
    """PASS as long as nothing lies outside the declared envelope."""
    found = compare(verify(options.old), verify(options.new))
    for line in tell(found):
        print(line)
    if options.json is not None:
        write_file(options.json, readable_json(found.as_data()))
    return FAIL if found.outside else PASS


def reassess_command(options: argparse.Namespace) -> int:
    """PASS if no hit is left that nobody has evaluated."""
    report = verify(options.report)
    snapshot = read_snapshot(options.osv, _date(options.osv_retrieved))
    addendum = reassess(_root(options), options.report, report, snapshot, now().isoformat())
    write_file(options.out, sign_addendum(addendum, options.key, _passphrase()))
    said = addendum["predicate"]
    for message in said["not_evaluated"]:
        print(message)
    word = "still valid" if said["still_valid"] else "NO LONGER VALID"
    print(f"{word}: {len(said['new_hits'])} new hits; {options.out}")
    return PASS if said["still_valid"] else FAIL


def osv_command(options: argparse.Namespace) -> int:
    """Every hit of every recorded version; FAIL as long as one has not been evaluated."""
    snapshot = read_snapshot(options.snapshot, _date(options.retrieved))
    records = [record for record in load_records(_root(options))[0] if record.distribution and not record.retired]
    rows = [{"name": record.distribution, "version": version} for record in records for version in record.versions]
    found = review(snapshot, records, rows)
    for hit in found["hits"]:
        said = hit["disposition"]
        print(f"{hit['name']} {hit['version']:12} {hit['id']:22} {said['disposition'] if said else 'NOT EVALUATED'}")
        print(f"    {hit['summary']}")
    pending = advisory_findings(found)
    print(f"{found['searched']} versions searched, {len(found['hits'])} hits, {len(pending)} not evaluated")
    print(f"snapshot sha256 {snapshot.sha256}, retrieved {snapshot.retrieved}")
    return FAIL if pending else PASS


def seal_command(options: argparse.Namespace) -> int:
    outside = (*OUTSIDE, *(path.strip("/") for path in options.without))
    content = describe(walk(options.root, outside))
    write_file(options.out, readable_json(content))
    print(f"content {content['sha256']}, {len(content['entries'])} files and links")
    return PASS


def bind_command(options: argparse.Namespace) -> int:
    report = verify(options.report)
    bound = bind(
        options.report,
        report,
        Layout(options.image),
        key=options.key,
        passphrase=_passphrase(),
        name=options.name,
        at=now().isoformat(),
    )
    print(f"image {bound} is bound to {options.report}")
    return PASS


def keygen_command(options: argparse.Namespace) -> int:
    if options.trust.exists():
        read_trust(options.trust)  # refused before a key is made that would be in no trust file
    public = new_private_key(options.key, _passphrase())
    print(f"key {add_key(options.trust, public, name=options.name, roles=tuple(options.role))}")
    return PASS


def sign_command(options: argparse.Namespace) -> int:
    report = verify(options.report)
    path = sign(options.report, report, key=options.key, passphrase=_passphrase(), role=options.role, name=options.name)
    print(f"{options.name} {MEANINGS[options.role]}: {path}")
    return PASS


def _passphrase() -> bytes | None:
    """The passphrase of a private key comes from the environment, so that no list of processes shows it."""
    text = os.environ.get("MEDTORCH_KEY_PASSPHRASE")
    return None if text is None else text.encode()


def link_command(options: argparse.Namespace) -> int:
    root = _root(options)
    for line in edit.link(root, collect(root)):
        print(line)
    return PASS


def add_command(options: argparse.Namespace) -> int:
    for path in options.files:
        added, changed = edit.add(_root(options), path, by=options.by, date=_today())
        print(f"{path.name}: {len(added)} added, {len(changed)} changed")
    return PASS


def review_command(options: argparse.Namespace) -> int:
    print(edit.review(_root(options), options.requirement, by=options.by, date=_today(), reason=options.reason))
    return PASS


def soup_new_command(options: argparse.Namespace) -> int:
    print(draft_record(_root(options), options.name, by=options.by, used_in=options.used_in, date=_today()))
    return PASS


def soup_show_command(options: argparse.Namespace) -> int:
    root = _root(options)
    records = {record.soup_id: record for record in load_records(root)[0]}
    if options.name not in records:
        raise UsageError(f"there is no record {options.name!r} in soup_records/")
    table = related_items(read_service(path) for path in service_files(root))
    used = table.get(options.name, table.get(f"{records[options.name].data['name']} (replaced)", {}))
    arguments = (records[options.name].data, load_trace(root), used)
    if options.html is None:
        print(render_markdown(*arguments), end="")
    else:
        write_file(options.html, render_page(*arguments).encode())
        print(options.html)
    return PASS


def soup_locked_command(options: argparse.Namespace) -> int:
    for line in record_artifacts(_root(options)):
        print(line)
    return PASS


def soup_services_command(options: argparse.Namespace) -> int:
    services = [read_service(path) for path in service_files(_root(options))]
    for name, versions in related_items(services).items():
        for version, users in versions.items():
            print(f"{name:22} {version:12} {', '.join(users)}")
    return PASS


def _date(text: str) -> str:
    """A day as YYYY-MM-DD. Raises UsageError."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"{text} is no date (YYYY-MM-DD)") from error


def _root(options: argparse.Namespace) -> Path:
    root: Path = options.root.resolve()
    if not (root / TRACE_FILE).is_file():
        raise UsageError(f"{root} holds no {TRACE_FILE}: give the checkout with --root")
    return root


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
