"""`python -m scripts.image SERVICE`: build the image of a service, validate it, say its digest and the verdict."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from medtorch._version import __version__
from scripts.image.base import base_image, python_version
from scripts.image.bundle import Bundle, bundle_of, place
from scripts.image.context import lay_out, place_advisories
from scripts.image.engine import Engine, find_engine
from scripts.image.errors import ImageError
from scripts.image.sign import TRUST, bind_image, second_opinion, sign_report, start_time
from scripts.image.wheels import gather
from validation.atomic import write_file
from validation.canonical import file_sha256
from validation.diff import compare, tell
from validation.errors import IntegrityError, ValidationError
from validation.pdf import render_pdf
from validation.services import load_service
from validation.verify import verify

CHECKOUT = Path()
WORK = Path("build/image")
CONTEXT = WORK / "context"
GOES_ON = ("0", "2")  # PASS and INCOMPLETE; the Dockerfile's gate holds the same for whoever calls an engine by hand
LOCKED_DOWN = "--rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.image", description=__doc__)
    parser.add_argument("service", help="a file of validation/services, without .yaml")
    parser.add_argument("--bundle", type=Path, help="folder of the bundle (default: what the service file names)")
    parser.add_argument("--sha256", help="the digest that the bundle must have (default: what the service file names)")
    parser.add_argument("--base-image", default="", help="an image with this Python; made or pulled if not given")
    parser.add_argument("--storage", type=Path, help="keep podman's and buildah's images in this folder")
    parser.add_argument("--tag", default="", help="name of the image (default: localhost/SERVICE:VERSION)")
    parser.add_argument("--evidence", type=Path, help="where the report goes (default: out/images/SERVICE)")
    parser.add_argument(
        "--keys", type=Path, help="sign with the keys in this folder (ROLE.pem, trust.json), made if it is not there"
    )
    parser.add_argument("--osv", type=Path, metavar="ZIP", help="a snapshot of OSV's advisories, searched in the image")
    parser.add_argument("--osv-retrieved", metavar="DATE", help="the day on which it was fetched (with --osv)")
    parser.add_argument("--reference", action="store_true", help="no native kernels: runs on the reference backend")
    options = parser.parse_args(arguments)
    if (options.osv is None) != (options.osv_retrieved is None):
        parser.error("--osv and --osv-retrieved belong together")
    return options


def revision() -> str:
    """The commit that is built; '-dirty' where the checkout differs from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def build(options: argparse.Namespace, bundle: Bundle, engine: Engine, tag: str, evidence: Path) -> None:
    """Build the evidence and keep it, whatever it says; then the image, which a failed validation stops."""
    previous = keep_previous(evidence)
    arguments = {
        "BASE_IMAGE": options.base_image or base_image(engine),
        "PYTHON_VERSION": python_version(),
        "SERVICE": options.service,
        "VERSION": __version__,
        "REVISION": revision(),
        "BUNDLE_SHA256": bundle.sha256,
        "STARTED": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    engine.build(CONTEXT, f"{tag}-evidence", arguments, target="evidence", output=evidence)
    print(f"image: report in {evidence / 'report'}, verdict {verdict(evidence)}", flush=True)
    if (evidence / "exit_code").read_text(encoding="utf-8").strip() not in GOES_ON:
        raise ImageError(f"{options.service} was not validated, so there is no image; its report tells why")
    if options.keys:
        sign_report(evidence / "report", options.keys)
        shutil.copytree(evidence / "report" / "signatures", CONTEXT / "signatures", dirs_exist_ok=True)
    engine.build(CONTEXT, tag, {**arguments, "REPORT_SHA256": file_sha256(evidence / "report" / "report.json")})
    if options.keys:
        layout = engine.save(tag, evidence / "layout")
        print(f"image: bound {bind_image(evidence / 'report', layout, options.keys)}")
        print(start_time(engine, tag, options.keys))
        for line in second_opinion(evidence / "report", options.keys):
            print(f"image: {line}")
        write_file(evidence / "report.pdf", render_pdf(verify(evidence / "report")))
    if previous is not None:
        print(against(previous, evidence / "report"))


def against(previous: Path, report: Path) -> str:
    """What lies between two reports; one that this tool no longer reads is said to be so, and stops nothing."""
    new = verify(report)
    try:
        old = verify(previous)
    except IntegrityError as error:
        return f"image: not compared with the report before, in {previous}: {error}"
    return "\n  ".join([f"image: against the report before, in {previous}:", *tell(compare(old, new))])


def keep_previous(evidence: Path) -> Path | None:
    """Set the report of the build before aside, to be compared with; everything else of it goes."""
    report, previous = evidence / "report", evidence.with_name(f"{evidence.name}-previous")
    if report.is_dir():
        shutil.rmtree(previous, ignore_errors=True)
        report.rename(previous)
    shutil.rmtree(evidence, ignore_errors=True)
    return previous if previous.is_dir() else None


def verdict(evidence: Path) -> str:
    """The verdict that the report states.

    Raises    ImageError if the validation ended without a report
    """
    report = evidence / "report" / "report.json"
    if not report.is_file():
        code = (evidence / "exit_code").read_text(encoding="utf-8").strip()
        raise ImageError(f"the validation in the image ended with exit code {code} and made no report, see above")
    return str(json.loads(report.read_text(encoding="utf-8"))["core"]["evaluation"]["verdict"])


def summary(tag: str, evidence: Path, engine: Engine, keys: Path | None) -> str:
    """What was made and how to run it: as a service where it was signed, else what can be run without evidence."""
    settings = "".join(f"{name}={value} " for name, value in engine.settings.items())
    runner = "podman" if engine.name == "buildah" else engine.name  # buildah makes images and runs none
    found = verdict(evidence)
    run = f"{settings}{runner} run {LOCKED_DOWN}"
    if keys:
        run += f" --publish 127.0.0.1:8080:8080 --volume {(keys / TRUST).resolve()}:/trust.json:ro {tag}"
        run += " serve --trust /trust.json --host 0.0.0.0" + (" --accept-incomplete" if found == "INCOMPLETE" else "")
    else:
        run += f" --network none {tag} --help"
    return (
        f"\nimage    {tag}\ndigest   {engine.image_id(tag)}\nverdict  {found}"
        f"\nreport   {evidence / 'report' / 'report.html'}\nrun      {run}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Build one image; exit code 0, or 1 with the reason on stderr."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    tag = options.tag or f"localhost/{options.service.lower()}:{__version__}"
    evidence = options.evidence or Path("out/images") / options.service
    try:
        bundle = bundle_of(load_service(CHECKOUT, options.service), options.bundle, options.sha256)
        engine = find_engine(WORK, options.storage)
        print("image: gathering wheels", flush=True)
        lay_out(CONTEXT)
        gather(CONTEXT / "wheels", native=not options.reference)
        place(bundle, CONTEXT / "bundle")
        if options.osv:
            place_advisories(CONTEXT, options.osv, options.osv_retrieved)
        build(options, bundle, engine, tag, evidence)
        print(summary(tag, evidence, engine, options.keys))
    except (ImageError, ValidationError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
