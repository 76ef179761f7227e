"""Why an instance is not taken, as C-STORE statuses; STOW-RS gives the same numbers as failure reasons.

PS3.4 B.2.3 and PS3.7 annex C name them; PS3.18 10.5.3 takes them over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class StoreStatus(IntEnum):
    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_DOES_NOT_MATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000


@dataclass(frozen=True)
class InstanceReference:
    """SOP Instance Reference Macro (PS3.3 table 10-11), of checked UIDs."""

    sop_class_uid: str
    sop_uid: str


class InstanceRefusedError(Exception):
    """`what` is free of patient data and of received strings, and at most 64 characters: it is sent to the peer.

    `instance`: which one it was, where that much of it could be read.
    """

    def __init__(self, status: StoreStatus, what: str, instance: InstanceReference | None = None) -> None:
        super().__init__(status, what)
        self.status = status
        self.what = what
        self.instance = instance
