"""The gRPC server around the service: health, reflection, metrics, graceful stop."""

from __future__ import annotations

import asyncio

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from hunet_protocol.server_options import SERVER_OPTIONS
from hunet_protocol.v1 import preprocess_pb2, preprocess_pb2_grpc

from preprocess_service.metrics import ServiceMetrics
from preprocess_service.metrics_server import MetricsServer
from preprocess_service.servicer import PreprocessServicer
from preprocess_service.settings import ServiceSettings

SERVICE_NAME: str = preprocess_pb2.DESCRIPTOR.services_by_name["PreprocessService"].full_name
# A message holds at most 16 slices (4 MiB) and its framing; a manifest is a few kB.
_MAX_MESSAGE_BYTES = 5 * 2**20
_OPTIONS = (
    *SERVER_OPTIONS,
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    # A client looks its service's name up again when a connection ends, and so finds replicas that were added.
    # Calls under way end first.
    ("grpc.max_connection_age_ms", 300_000),
)


class PreprocessServer:
    """One server. Make, start and stop it in one event loop."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self.metrics = ServiceMetrics()
        self._servicer = PreprocessServicer(settings, self.metrics)
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(options=_OPTIONS)
        preprocess_pb2_grpc.add_PreprocessServiceServicer_to_server(self._servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        self._metrics_server: MetricsServer | None = None
        self.address = settings.address
        self.metrics_address = settings.metrics_address

    async def start(self) -> None:
        """Listens; `address` and `metrics_address` then hold the ports that port 0 stood for.

        Raises ValueError for an address that is none, OSError or RuntimeError for one that cannot be had.
        """
        host, _ = _split(self._settings.address)
        metrics_host, metrics_port = _split(self._settings.metrics_address)
        self.address = f"{host}:{self._listen()}"
        self._metrics_server = MetricsServer(metrics_host, metrics_port, self.metrics.registry, self._settings)
        self.metrics_address = f"{metrics_host}:{self._metrics_server.port}"
        await self._server.start()
        for name in ("", SERVICE_NAME):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    def _listen(self) -> int:
        """The port that it listens on."""
        settings = self._settings
        if settings.tls_certificate is None or settings.tls_key is None:
            return self._server.add_insecure_port(settings.address)
        pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
        ca = None if settings.tls_ca is None else settings.tls_ca.read_bytes()
        credentials = grpc.ssl_server_credentials([pair], ca, require_client_auth=ca is not None)
        return self._server.add_secure_port(settings.address, credentials)

    async def stop(self) -> None:
        """Turns new calls away, lets running ones finish within the grace time, then cancels them."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(self._settings.stop_grace_s)
        # Not on the loop: a worker that reads an upload waits for the loop to hand it a chunk, or to interrupt it.
        await asyncio.to_thread(self._servicer.close)
        if self._metrics_server is not None:
            self._metrics_server.stop()


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"{address!r} is not host:port")
    return host, int(port)
