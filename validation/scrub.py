"""Takes the names of this machine's folders out of text: a report holds no user names and no host paths."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def scrub(text: str) -> str:
    """The text with checkout, environment, home and temporary folders replaced by words.

    Requires  REQ-S-VAL-003
    """
    for pattern, word in _patterns():
        text = pattern.sub(word, text)
    return text


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    folders = [
        (str(Path.cwd()), "."),
        (str(ROOT), "."),
        (sys.prefix, "<environment>"),
        (sys.base_prefix, "<python>"),
        (tempfile.gettempdir(), "<tmp>"),
        (str(Path.home()), "<home>"),
        (str(Path.cwd().parent), "<beside>"),
        (os.environ.get("MEDTORCH_SHARED", ""), "<shared>"),
    ]
    longest_first = sorted(folders, key=lambda pair: -len(pair[0]))
    return [
        (re.compile(re.escape(folder) + r"(?=[/\s'\":,)\]]|$)"), word)
        for folder, word in longest_first
        if len(folder) > 1
    ]
