"""The listener that Prometheus asks, with TLS or without."""

from __future__ import annotations

import socket
import ssl
import sys
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from preprocess_service.settings import ServiceSettings

# Whoever connects and says nothing is let go then.
_SILENCE_S = 10.0


class MetricsServer:
    """Answers from a thread of its own from the beginning until `stop`. `port`: where it listens.

    Raises OSError where it cannot listen.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, settings: ServiceSettings) -> None:
        self._server = make_server(host, port, make_wsgi_app(registry), _Server, _Handler)
        self._server.tls = _tls(settings)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends, whatever its callers do."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a call. Hands are shaken there too, so that silent callers hold up nobody else."""

    daemon_threads = True
    # Ending does not wait for them.
    block_on_close = False
    tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.settimeout(_SILENCE_S)
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that break off, or show no certificate, are no event."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not logged."""


def _tls(settings: ServiceSettings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.tls_ca)
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    if settings.tls_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
