"""What `hunet pacs jobs` shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from pacs_gateway.storage.ledgers import Ledgers


def job_rows(ledgers: Ledgers) -> list[dict[str, Any]]:
    """Every study revision, oldest first, and the studies that are still arriving. UIDs, no names."""
    rows = []
    for revision in ledgers.revisions.all():
        deliveries = ledgers.deliveries.of_revision(revision.study_uid, revision.number)
        rows.append(
            {
                "study_uid": revision.study_uid,
                "revision": revision.number,
                "state": revision.state,
                "reason": revision.reason,
                "priority": revision.priority,
                "sender": revision.sender,
                "series_uid": revision.series_uid,
                "attempt": revision.attempt,
                "complete_at": _time(revision.closed_at),
                "updated_at": _time(revision.updated_at),
                "results": [
                    {"sop_uid": result.sop_uid, "kind": result.kind}
                    for result in ledgers.deliveries.results(revision.study_uid, revision.number)
                ],
                "deliveries": [
                    {"destination": delivery.destination, "state": delivery.state, "reason": delivery.reason}
                    for delivery in deliveries
                ],
            }
        )
    for study_uid, count, last in ledgers.revisions.arriving():
        reason = f"{count} instances so far"
        rows.append({"study_uid": study_uid, "state": "received", "reason": reason, "updated_at": _time(last)})
    return rows


def print_job_table(rows: list[dict[str, Any]]) -> None:
    table = Table()
    for heading in ("study", "revision", "state", "priority", "from", "updated", "deliveries", "reason"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            row["study_uid"],
            str(row.get("revision", "")),
            row["state"],
            row.get("priority", ""),
            row.get("sender", ""),
            row["updated_at"][:19],
            ", ".join(f"{one['destination']} {one['state']}" for one in row.get("deliveries", ())),
            row["reason"],
        )
    Console().print(table)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
