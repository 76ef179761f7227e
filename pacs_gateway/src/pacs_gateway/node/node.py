"""The DICOM node: application entity, presentation contexts and handlers, wired together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, _config, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    InstanceAvailabilityNotification,
    StorageCommitmentPushModel,
    Verification,
)
from pynetdicom.transport import ThreadedAssociationServer

from pacs_gateway.audit import AuditLog
from pacs_gateway.node.admission import Admission
from pacs_gateway.node.association_server import GuardedServer
from pacs_gateway.node.handlers import handle_availability, handle_echo, handle_message_end, handle_store
from pacs_gateway.routing.configuration import Node, Sender
from pacs_gateway.routing.senders import may_connect
from pacs_gateway.routing.tls import server_context
from pacs_gateway.sending.commitment import ReportCommitment, handle_commitment_report
from pacs_gateway.storage.instances import InstanceLedger
from pacs_gateway.storage.intake import Intake

# What a peer may put into one PDU to us; larger ones only cost memory.
_MAX_PDU_BYTES = 131_072


class DicomNode:
    """`start` listens and returns; `stop` ends the associations that are open."""

    def __init__(
        self,
        node: Node,
        senders: Sequence[Sender],
        intake: Intake,
        instances: InstanceLedger,
        report_commitment: ReportCommitment,
        audit: AuditLog,
    ) -> None:
        # The library's own logging would print received identifiers.
        _config.LOG_HANDLER_LEVEL = "none"
        self._node = node
        self._senders = senders
        self._entity = _entity(node)
        self._handlers: list[Any] = [
            (evt.EVT_REQUESTED, Admission(node, senders, audit).decide),
            (evt.EVT_C_ECHO, handle_echo),
            (evt.EVT_C_STORE, handle_store, [intake, audit]),
            (evt.EVT_N_CREATE, handle_availability, [instances]),
            (evt.EVT_N_EVENT_REPORT, handle_commitment_report, [report_commitment]),
            (evt.EVT_DIMSE_RECV, handle_message_end),
        ]
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        """The port that it listens on, also where the configuration left the choice to the system."""
        assert self._server is not None
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Raises OSError where the address is taken or the TLS files cannot be used."""
        server = self._entity.make_server(
            (self._node.host, self._node.port),
            ssl_context=server_context(self._node.tls) if self._node.tls else None,
            evt_handlers=self._handlers,
            server_class=GuardedServer,
            may_connect=lambda address: may_connect(self._senders, address),
            max_connections=self._node.max_connections,
            max_instance_bytes=self._node.max_instance_mb * 1_000_000,
            silence_s=self._node.silence_s,
        )
        self._server = server
        self._entity._servers.append(server)
        self._thread = threading.Thread(target=server.serve_forever, name="dicom node", daemon=True)
        self._thread.start()

    def is_listening(self) -> bool:
        return self._server is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Closes the listening socket, then every connection."""
        assert self._server is not None
        associations = self._server.active_associations
        self._server.shutdown()
        for association in associations:
            if association.is_established:
                association.abort()
            elif association.dul.socket is not None:
                # An A-ABORT before the request is no event that the library's state machine knows.
                association.dul.socket.close()


def _entity(node: Node) -> AE:
    entity = AE(ae_title=node.ae_title)
    entity.maximum_pdu_size = _MAX_PDU_BYTES
    # Admission counts; the library would count sockets without an association as well.
    entity.maximum_associations = node.max_connections
    entity.acse_timeout = node.association_request_s
    entity.network_timeout = entity.dimse_timeout = node.silence_s
    entity.add_supported_context(Verification)
    for context in AllStoragePresentationContexts:
        assert context.abstract_syntax is not None
        entity.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
    entity.add_supported_context(InstanceAvailabilityNotification)
    # Reports on our own commitment requests: here the peer is the provider (PS3.4 J.3.3).
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    return entity
