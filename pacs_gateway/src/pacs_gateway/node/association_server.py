"""The listening socket: who may connect at all, how many at once, TLS, and time-outs from the first byte on."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from pacs_gateway.node.guarded_socket import GuardedSocket

_LOG = logging.getLogger(__name__)
# PDU headers and command sets beside a data set of the largest size.
_OVERHEAD = 1.05


class GuardedRequestHandler(RequestHandler):
    """In a thread of its own: the TLS handshake, so that a peer that stays silent in it holds up nobody else."""

    server: GuardedServer

    def handle(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().handle()

    def _create_association(self) -> Association:
        association = super()._create_association()
        # The plain socket's "connected" event; the guarded one says it again.
        association.dul.event_queue.get_nowait()
        guarded = GuardedSocket(association, client_socket=self.request)
        guarded.max_message_bytes = int(self.server.max_instance_bytes * _OVERHEAD)
        association.dul.socket = guarded
        return association


class _SharedContexts(list[PresentationContext]):
    """The library copies what the node supports, thousands of objects, for every connection, and only reads it."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _SharedContexts:
        return self


class GuardedServer(ThreadedAssociationServer):
    """`may_connect(address)`: whether any sender lives there. Sockets beyond `max_connections` are closed at once."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        *args: Any,
        may_connect: Callable[[str], bool],
        max_connections: int,
        max_instance_bytes: int,
        silence_s: float,
        **kwargs: Any,
    ) -> None:
        self._may_connect = may_connect
        self._max_connections = max_connections
        self.max_instance_bytes = max_instance_bytes
        self._silence_s = silence_s
        self._lock = threading.Lock()
        # Accepted sockets for which there is no association thread yet.
        self._opening = 0
        super().__init__(*args, **kwargs | {"request_handler": GuardedRequestHandler})
        self.contexts = _SharedContexts(self.contexts)

    def get_request(self) -> tuple[socket.socket, Any]:
        assert isinstance(self.socket, socket.socket)
        connection, address = self.socket.accept()
        connection.settimeout(self._silence_s)
        if self.ssl_context is not None:
            connection = self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        if not self._may_connect(client_address[0]):
            _LOG.warning("connection from %s closed: no sender has this address", client_address[0])
            return False
        with self._lock:
            if len(self.active_associations) + self._opening >= self._max_connections:
                _LOG.warning("connection from %s closed: %d are open", client_address[0], self._max_connections)
                return False
            self._opening += 1
        return True

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._opening -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        _LOG.info("connection from %s ended before an association", client_address[0], exc_info=True)
