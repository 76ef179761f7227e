"""`hunet-preprocess check`, which containers ask for their health."""

from __future__ import annotations

import asyncio

import pytest
from click.testing import CliRunner, Result
from grpc_health.v1 import health_pb2
from preprocess_service.cli import main
from preprocess_service.server import PreprocessServer

pytestmark = pytest.mark.anyio


async def check(address: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, ["check", "--address", address])


async def test_a_service_that_serves_is_healthy(server: PreprocessServer):
    result = await check(server.address)
    assert (result.exit_code, result.output) == (0, "SERVING\n")


async def test_a_service_that_is_stopping_is_not(server: PreprocessServer):
    await server._health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    result = await check(server.address)
    assert result.exit_code == 1
    assert "NOT_SERVING" in result.output


async def test_nobody_there_is_not_healthy():
    result = await check("127.0.0.1:1")
    assert result.exit_code == 1
    assert "127.0.0.1:1: UNAVAILABLE" in result.output


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--tls-certificate", "--tls-key"], "give --tls-ca too"),
        (["--tls-ca", "--tls-certificate"], "belong together"),
        (["--tls-key"], "belong together"),
    ],
)
def test_half_of_the_certificates_are_a_usage_error(options, problem, tmp_path):
    pem = tmp_path / "file.pem"
    pem.write_text("")
    given = [part for option in options for part in (option, str(pem))]
    result = CliRunner().invoke(main, ["check", "--address", "127.0.0.1:1", *given])
    assert result.exit_code == 2
    assert problem in result.output
