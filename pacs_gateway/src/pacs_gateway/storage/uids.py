"""Received identifiers: checked before they are used, and never a part of a path."""

from __future__ import annotations

import hashlib
import re

# PS3.5 9.1, but for leading zeros in a component, which scanners in the field do write.
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_MAX_LENGTH = 64


def is_uid(text: str) -> bool:
    return len(text) <= _MAX_LENGTH and _UID.fullmatch(text) is not None


def path_part(uid: str) -> str:
    """A name for a file or folder that stands for this UID: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(uid.encode()).hexdigest()[:32]
