"""Which association requests are accepted: by AE titles, address and number; the rest get an A-ASSOCIATE-RJ."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from pynetdicom import evt
from pynetdicom.association import Association

from pacs_gateway.audit import AuditLog
from pacs_gateway.metrics import ASSOCIATIONS
from pacs_gateway.routing.configuration import Node, Sender
from pacs_gateway.routing.senders import find_sender

_LOG = logging.getLogger(__name__)

# PS3.8 table 9-21: result, source, reason.
_CALLING_TITLE_UNKNOWN = (0x01, 0x01, 0x03)
_CALLED_TITLE_UNKNOWN = (0x01, 0x01, 0x07)
_LOCAL_LIMIT_EXCEEDED = (0x02, 0x03, 0x02)


class Admission:
    def __init__(self, node: Node, senders: Sequence[Sender], audit: AuditLog) -> None:
        self._node = node
        self._senders = senders
        self._audit = audit
        self._lock = threading.Lock()
        self._admitted: set[Association] = set()

    def decide(self, event: evt.Event) -> None:
        """Handles EVT_REQUESTED: before the library's own negotiation, which sees only what was admitted here."""
        association = event.assoc
        request = association.requestor.primitive
        assert request is not None
        calling, address = request.calling_ae_title.strip(), association.requestor.address
        if find_sender(self._senders, calling, address) is None:
            self._reject(association, calling, "calling AE title and address are no sender's", _CALLING_TITLE_UNKNOWN)
        elif request.called_ae_title.strip() != self._node.ae_title:
            self._reject(association, calling, "called AE title is not ours", _CALLED_TITLE_UNKNOWN)
        elif not self._admit(association):
            self._reject(association, calling, "too many associations", _LOCAL_LIMIT_EXCEEDED)
        else:
            ASSOCIATIONS.labels(outcome="accepted").inc()

    def _admit(self, association: Association) -> bool:
        with self._lock:
            self._admitted = {one for one in self._admitted if one.is_alive()}
            if len(self._admitted) >= self._node.max_associations:
                return False
            self._admitted.add(association)
            return True

    def _reject(self, association: Association, calling: str, why: str, diagnostic: tuple[int, int, int]) -> None:
        address = association.requestor.address
        ASSOCIATIONS.labels(outcome="rejected").inc()
        self._audit.write_rejection("association rejected", ae_title=calling, address=address, reason=why)
        association.acse.send_reject(*diagnostic)
        association.kill()
