"""The options of the client's channels, against real servers."""

from __future__ import annotations

from contextlib import AsyncExitStack

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hunet_client.grpc_channel import CHANNEL_OPTIONS

pytestmark = pytest.mark.anyio


class CountingHealth(health_pb2_grpc.HealthServicer):
    def __init__(self) -> None:
        self.calls = 0

    async def Check(self, request, context):  # noqa: N802
        self.calls += 1
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_replicas_behind_one_name_take_turns():
    async with AsyncExitStack() as stack:
        replicas, ports = [CountingHealth(), CountingHealth()], []
        for replica in replicas:
            server = grpc.aio.server()
            health_pb2_grpc.add_HealthServicer_to_server(replica, server)
            ports.append(server.add_insecure_port("127.0.0.1:0"))
            await server.start()
            stack.push_async_callback(server.stop, None)
        both = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(both, options=CHANNEL_OPTIONS))
        health = health_pb2_grpc.HealthStub(channel)
        # The second replica's connection may take a moment longer.
        for _ in range(10_000):
            await health.Check(health_pb2.HealthCheckRequest())
            if all(replica.calls for replica in replicas):
                break
        assert all(replica.calls for replica in replicas)
