"""The gRPC server, in a thread and an event loop of its own beside the node."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from hunet_client import AsyncSegmentationClient, ClientSettings
from hunet_protocol.server_options import SERVER_OPTIONS
from hunet_protocol.v1 import segmentation_pb2, segmentation_pb2_grpc

from pacs_gateway.facade.segmentation_servicer import SegmentationServicer
from pacs_gateway.routing.configuration import Grpc, Processing

_LOG = logging.getLogger(__name__)
_GRACE_S = 5.0
_SERVICE = segmentation_pb2.DESCRIPTOR.services_by_name["SegmentationService"].full_name


class FacadeServer:
    """`start` returns once it listens; `stop` gives calls under way a moment."""

    def __init__(self, configuration: Grpc, processing: Processing, settings: ClientSettings) -> None:
        self._configuration = configuration
        self._processing = processing
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._port: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, name="grpc facade", daemon=True)

    def start(self) -> int:
        """The port that it listens on. Raises OSError."""
        self._thread.start()
        return self._port.result()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout=2 * _GRACE_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            if self._port.done():
                _LOG.exception("the gRPC server has ended")
            else:
                self._port.set_exception(error)

    async def _serve(self) -> None:
        server = grpc.aio.server(options=SERVER_OPTIONS, maximum_concurrent_rpcs=self._configuration.max_calls)
        async with AsyncSegmentationClient(self._settings) as client:
            max_scan_bytes = self._configuration.max_scan_mb * 1_000_000
            servicer = SegmentationServicer(client, self._processing, max_scan_bytes=max_scan_bytes)
            segmentation_pb2_grpc.add_SegmentationServiceServicer_to_server(servicer, server)
            healthy = health.aio.HealthServicer()
            health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
            await healthy.set(_SERVICE, health_pb2.HealthCheckResponse.SERVING)
            port = self._listen(server)
            await server.start()
            self._port.set_result(port)
            await self._stopping.wait()
            await server.stop(_GRACE_S)

    def _listen(self, server: grpc.aio.Server) -> int:
        address = f"{self._configuration.host}:{self._configuration.port}"
        tls = self._configuration.tls
        try:
            if tls is None:
                return server.add_insecure_port(address)
            pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
            ca = tls.ca.read_bytes() if tls.ca else None
            credentials = grpc.ssl_server_credentials([pair], ca, require_client_auth=ca is not None)
            return server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}") from error
