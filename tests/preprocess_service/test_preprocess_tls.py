"""The service's certificate, and its callers'."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hunet_local.certificates import make_certificates
from preprocess_service.server import PreprocessServer
from preprocess_service.settings import ServiceSettings
from pydantic import ValidationError


def settings(folder, **others):
    return ServiceSettings(
        address="127.0.0.1:0",
        metrics_address="127.0.0.1:0",
        tls_certificate=folder / "server.pem",
        tls_key=folder / "server-key.pem",
        tls_ca=folder / "ca.pem",
        **others,
    )


def answer_of(server_folder, client_folder):
    """What a client with these certificates gets from a server with those: its health, or a status code's name."""

    async def ask():
        server = PreprocessServer(settings(server_folder, stop_grace_s=0))
        await server.start()
        files = [(client_folder / name).read_bytes() for name in ("ca.pem", "client-key.pem", "client.pem")]
        try:
            async with grpc.aio.secure_channel(server.address, grpc.ssl_channel_credentials(*files)) as channel:
                answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
                return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        finally:
            await server.stop()

    return asyncio.run(ask())


@pytest.fixture
def made(tmp_path):
    """`made(name, days, names)`: a folder of certificates."""

    def make(name, days=1, names=("127.0.0.1",)):
        make_certificates(tmp_path / name, days, names)
        return tmp_path / name

    return make


def test_both_sides_know_each_other(made):
    folder = made("one")
    assert answer_of(folder, folder) == "SERVING"


def test_an_expired_certificate_is_refused_on_either_side(made):
    expired = made("expired", days=-1)
    assert answer_of(expired, expired) == "UNAVAILABLE"


def test_a_server_that_is_called_otherwise_is_refused(made):
    elsewhere = made("elsewhere", names=("another.example",))
    assert answer_of(elsewhere, elsewhere) == "UNAVAILABLE"


def test_half_a_configuration_is_an_error(made):
    folder = made("half")
    with pytest.raises(ValidationError, match="belong together"):
        ServiceSettings(tls_certificate=folder / "server.pem")
    with pytest.raises(ValidationError, match="give tls_certificate"):
        ServiceSettings(tls_ca=folder / "ca.pem")


def test_keys_can_be_read_by_their_owner_alone(made):
    modes = {path.name: path.stat().st_mode & 0o777 for path in made("keys").glob("*-key.pem")}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3


def test_metrics_are_told_whoever_else_is_connected_and_silent(made):
    folder = made("metrics")

    async def scenario():
        server = PreprocessServer(settings(folder, stop_grace_s=0))
        await server.start()
        host, port = server.metrics_address.split(":")
        trusted = ssl.create_default_context(cafile=folder / "ca.pem")
        trusted.check_hostname = True
        strangers = ssl.create_default_context(cafile=folder / "ca.pem")
        trusted.load_cert_chain(folder / "client.pem", folder / "client-key.pem")
        with socket.create_connection((host, int(port))):
            url = f"https://{host}:{port}/metrics"
            text = await asyncio.to_thread(lambda: urllib.request.urlopen(url, context=trusted, timeout=10).read())
            stranger = http.client.HTTPSConnection(host, int(port), context=strangers, timeout=10)
            # An alert, an early end or a reset: which of them arrives depends on who is quicker.
            with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
                await asyncio.to_thread(lambda: (stranger.request("GET", "/metrics"), stranger.getresponse()))
            stranger.close()
            await asyncio.wait_for(server.stop(), 5)
        return text.decode()

    assert "hunet_preprocess_places" in asyncio.run(scenario())
