"""What is left of an instance that was refused, whichever protocol it came by: a count and a line."""

from __future__ import annotations

import logging

from pacs_gateway.audit import AuditLog
from pacs_gateway.metrics import INSTANCES
from pacs_gateway.storage.refusals import InstanceRefusedError

_LOG = logging.getLogger(__name__)


def record_refusal(
    audit: AuditLog, refused: InstanceRefusedError, *, ae_title: str, address: str, sop_uid: str | None = None
) -> None:
    """`sop_uid`: a checked one, or none. A disk that has no room for the line keeps no sender from his status."""
    INSTANCES.labels(outcome="refused").inc()
    try:
        audit.write(
            "instance refused",
            ae_title=ae_title,
            address=address,
            status=f"0x{refused.status:04X}",
            reason=refused.what,
            **({} if sop_uid is None else {"sop_uid": sop_uid}),
        )
    except OSError:
        _LOG.exception("the refusal of an instance from %s cannot be written into the audit log", ae_title)
