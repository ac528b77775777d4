"""What a training measured, one record an epoch, as CSV and JSON.

Requires  REQ-F-TRN-004
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from medtorch.serialize.atomic import write_file
from medtorch.serialize.jsontext import write_json

Record = Mapping[str, float | int | None]

CSV = "metrics.csv"
JSON = "metrics.json"


def write_log(folder: Path, records: Sequence[Record]) -> None:
    """Write both files anew. Undefined values (nan) are an empty field and null. Raises SaveError."""
    write_file(folder / CSV, [_csv(records).encode("utf-8")], overwrite=True)
    write_file(folder / JSON, [write_json([dict(record) for record in records]).encode("utf-8")], overwrite=True)


def _csv(records: Sequence[Record]) -> str:
    columns = list(dict.fromkeys(name for record in records for name in record))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if value is None else value for name, value in record.items()} for record in records)
    return stream.getvalue()
