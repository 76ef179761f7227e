"""Results of this system, which a PACS may forward back: they never start a job."""

from __future__ import annotations

from pacs_gateway.storage.headers import InstanceHeader

# What the results' equipment module says (PS3.3 C.7.5.1).
MANUFACTURER = "Mamba-HUNet (research use only)"


def is_own_result(header: InstanceHeader) -> bool:
    """Made by this system, here or on another gateway; the ledger knows the UIDs that were made here."""
    return header.manufacturer == MANUFACTURER
