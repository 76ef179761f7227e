"""batch.csv: one row a scan."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from hunet_client.atomic_write import write_atomically
from hunet_client.notice import RESEARCH_USE_ONLY

from hunet_batch.work import BatchRow


def write_table(rows: Sequence[BatchRow], path: Path) -> None:
    """Replaces the file. Raises OSError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*(field.name for field in fields(BatchRow)), "notice"])
    writer.writeheader()
    writer.writerows(asdict(row) | {"notice": RESEARCH_USE_ONLY} for row in rows)
    # A path may be no UTF-8; it is written as it is.
    write_atomically(path, text.getvalue().encode("utf-8", "surrogateescape"))
