"""What a report does not show, in plain words. Stands above the tables, so that nobody reads a verdict without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GENERAL = (
    """The verdict holds for these requirements, the files whose digest is named, these software versions and this
    machine, on the date given. It says nothing about other devices, versions or data.""",
    """This report is evidence from a supplier's test run. Classification of the software, acceptance of risks and
    release are decisions of the manufacturer of the medical device.""",
    """This page cannot show who signed it. Signatures lie beside it, and the command verify --trust checks them; a
    report that was not checked so is an unsigned draft, whatever it looks like.""",
)


def limitations(core: Mapping[str, Any]) -> list[str]:
    """Sentences that hold for this report, the general ones first."""
    evaluation = core["evaluation"]
    said = [" ".join(text.split()) for text in GENERAL]
    absent = [found["capability"] for found in core["capabilities"] if not found["present"]]
    if absent:
        said.append(f"This machine does not have: {', '.join(absent)}. What needs it was not verified.")
    if core["outside"]:
        said.append(
            f"{len(core['outside'])} requirements lie outside the scope that the service file sets; they are listed."
        )
    drafts = sum(entry["status"] == "draft" for entry in evaluation["requirements"])
    if drafts:
        said.append(
            f"{drafts} of {len(evaluation['requirements'])} requirements are drafts that nobody has approved yet."
        )
    pending = sum(row["review"] == "open" for row in core["soup"])
    if pending:
        said.append(f"The published anomalies of {pending} installed distributions have not been reviewed by a person.")
    if core["advisories"] is None:
        said.append("Published vulnerabilities were not searched: no snapshot of advisories was given.")
    if core["source"]["commit"] is None:
        said.append("The tests did not run in a repository: the commit they belong to is not known.")
    elif core["source"]["changed_files"]:
        said.append(f"{core['source']['changed_files']} files differed from the commit that is named here.")
    if core["source"]["said_by"] == "builder":
        said.append("The tests ran in an image, where there is no repository: its builder stated the commit.")
    return said + list(core["service"]["limitations"])
