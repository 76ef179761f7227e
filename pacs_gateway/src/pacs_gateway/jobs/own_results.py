"""Results of this system, which a PACS may forward back: they never start a job."""

from __future__ import annotations

from pacs_gateway.results.equipment import MANUFACTURER
from pacs_gateway.storage.headers import InstanceHeader


def is_own_result(header: InstanceHeader) -> bool:
    """Made by this system, here or on another gateway; the ledger knows the UIDs that were made here."""
    return header.manufacturer == MANUFACTURER
