"""The `hunet-preprocess` command."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from pathlib import Path
from typing import Any

import click
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hunet_protocol.tracing import export_traces
from pydantic import ValidationError

from preprocess_service.json_log import log_to_stderr
from preprocess_service.memory import share_freed_memory
from preprocess_service.server import PreprocessServer
from preprocess_service.settings import ServiceSettings

_log = logging.getLogger(__name__)
_HEALTH_TIMEOUT_S = 5.0
_PEM = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Preprocessing of brain MRI for Mamba-HUNet. Research use only."""


@main.command()
@click.option("--address", help="Where to listen, host:port; port 0 takes a free one.  [127.0.0.1:50051]")
@click.option("--metrics-address", help="Where to answer Prometheus.  [127.0.0.1:50052]")
@click.option("--tls-certificate", help="Certificate of both listeners, PEM; with --tls-key.  [none: not encrypted]")
@click.option("--tls-key", help="Its key, PEM.")
@click.option(
    "--tls-ca", help="Callers must show a certificate that this authority signed, PEM.  [none: anybody may call]"
)
@click.option("--max-scans", type=int, help="Scans in work at once.  [number of cores]")
@click.option("--max-waiting-scans", type=int, help="Scans that may wait for a place.  [16]")
@click.option("--max-scan-bytes", type=int, help="Largest file that is accepted.  [512 MiB]")
@click.option("--max-voxels", type=int, help="Largest volume that is accepted.  [512 x 512 x 512]")
@click.option("--idle-timeout-s", type=float, help="Give up a call that stands still this long.  [300]")
@click.option("--stop-grace-s", type=float, help="On SIGTERM, time for running scans to finish.  [30]")
def serve(**options: Any) -> None:
    """Runs the gRPC service until SIGTERM or SIGINT.

    Prints one line of JSON with the addresses once it listens. Every option is also an environment variable,
    HUNET_PREPROCESS_ and its name in capitals.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        settings = ServiceSettings(**given)
    except ValidationError as exc:
        first = exc.errors()[0]
        field = "_".join(str(part) for part in first["loc"])
        raise click.UsageError(f"{field}: {first['msg']}") from exc
    log_to_stderr()
    export_traces("hunet-preprocess")
    share_freed_memory()
    asyncio.run(_serve(settings))


@main.command()
@click.option("--address", required=True, help="A service's gRPC address, host:port.")
@click.option("--tls-ca", type=_PEM, help="Authority that signed its certificate; with TLS.")
@click.option("--tls-certificate", type=_PEM, help="Ours, where it asks for one.")
@click.option("--tls-key", type=_PEM, help="Its key.")
def check(address: str, tls_ca: Path | None, tls_certificate: Path | None, tls_key: Path | None) -> None:
    """Asks a running service for its health. Exit code 1 unless it serves; for containers' health checks."""
    if (tls_certificate is None) != (tls_key is None):
        raise click.UsageError("--tls-certificate and --tls-key belong together: give both or neither")
    if tls_certificate is not None and tls_ca is None:
        raise click.UsageError("--tls-certificate is shown with TLS only: give --tls-ca too")
    with _channel(address, tls_ca, tls_certificate, tls_key) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=_HEALTH_TIMEOUT_S
            )
        except grpc.RpcError as exc:
            raise click.ClickException(f"{address}: {exc.code().name}") from exc
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise click.ClickException(f"{address}: {status}")
    click.echo(status)


def _channel(address: str, ca: Path | None, certificate: Path | None, key: Path | None) -> grpc.Channel:
    if ca is None:
        return grpc.insecure_channel(address)
    pair = [None if path is None else path.read_bytes() for path in (key, certificate)]
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca.read_bytes(), *pair))


async def _serve(settings: ServiceSettings) -> None:
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    server = PreprocessServer(settings)
    try:
        await server.start()
    except (OSError, RuntimeError, ValueError) as exc:
        raise click.ClickException(
            f"cannot listen on {settings.address} and {settings.metrics_address}: {exc}"
        ) from exc
    addresses = {"address": server.address, "metrics_address": server.metrics_address}
    click.echo(json.dumps(addresses))
    _log.info("listening", extra={"fields": addresses})
    await stop.wait()
    _log.info("stopping")
    await server.stop()
    _log.info("stopped")
