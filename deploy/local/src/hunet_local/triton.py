"""Triton as a part of the stack."""

from __future__ import annotations

import os
from pathlib import Path

from hunet_protocol.tracing import ENDPOINT_VARIABLE

from hunet_local.addresses import Addresses
from hunet_local.certificates import client_tls
from hunet_local.install import TritonRuntime
from hunet_local.leftovers import shared_memory_prefix
from hunet_local.models import VERSION
from hunet_local.parts import Part
from hunet_local.probes import Canary, TritonProbe
from hunet_local.turns import rate_limit

# Requests under way get this long to finish when Triton is stopped.
_EXIT_TIMEOUT_S = 20
# For each model: they load side by side, on the same cores.
_START_TIMEOUT_S = 300
# Of Triton's server and, through it, of the processes that run the networks.
ENVIRONMENT = {
    # One pool of freed memory for the server's dozens of threads, and requests and answers outside it, which go back to
    # the kernel. Otherwise each thread keeps the largest request that it ever held, and the server creeps up for days.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(128 * 1024),
    # Threads that spin while they wait take the cores from the preprocessing service and the client.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def triton_part(
    runtime: TritonRuntime,
    repository: Path,
    models: tuple[str, ...],
    addresses: Addresses,
    stack_id: str,
    certificates: Path | None,
    log_file: Path,
) -> Part:
    """The server for the models of a repository; ready when each has answered its canary rightly.

    certificates: their folder, with TLS; then only gRPC is served, since Triton's HTTP knows no TLS, and metrics.
    """
    canaries = {model: Canary.read(repository / model / VERSION) for model in models}
    return Part(
        name="triton",
        command=(*_command(runtime, repository, models, addresses, stack_id), *_tls(certificates), *_traces()),
        environment={**runtime.environment(), **ENVIRONMENT},
        probe=TritonProbe(addresses.triton_grpc.reachable, canaries, client_tls(certificates)),
        log_file=log_file,
        start_timeout_s=_START_TIMEOUT_S * len(models),
        stop_timeout_s=_EXIT_TIMEOUT_S + 5.0,
        keeps_workers=True,
    )


def _tls(certificates: Path | None) -> tuple[str, ...]:
    if certificates is None:
        return ()
    return (
        "--allow-http=false",
        "--grpc-use-ssl=true",
        "--grpc-use-ssl-mutual=true",
        f"--grpc-server-cert={certificates / 'server.pem'}",
        f"--grpc-server-key={certificates / 'server-key.pem'}",
        f"--grpc-root-cert={certificates / 'ca.pem'}",
    )


def _traces() -> tuple[str, ...]:
    """Triton's own spans go where those of the other parts go."""
    collector = os.environ.get(ENDPOINT_VARIABLE)
    if not collector:
        return ()
    return (
        "--trace-config=mode=opentelemetry",
        "--trace-config=rate=1",
        "--trace-config=level=TIMESTAMPS",
        f"--trace-config=opentelemetry,url={collector.rstrip('/')}/v1/traces",
        "--trace-config=opentelemetry,resource=service.name=triton",
    )


def _command(
    runtime: TritonRuntime, repository: Path, models: tuple[str, ...], addresses: Addresses, stack_id: str
) -> tuple[str, ...]:
    grpc, http, metrics = addresses.triton_grpc, addresses.triton_http, addresses.triton_metrics
    return (
        str(runtime.server),
        f"--model-repository={repository}",
        f"--backend-directory={runtime.backends}",
        # Clients on this machine may not load, change or unload models, and the configurations are complete.
        "--model-control-mode=none",
        "--disable-auto-complete-config",
        "--strict-readiness=true",
        rate_limit(models),
        f"--exit-timeout-secs={_EXIT_TIMEOUT_S}",
        f"--grpc-address={grpc.host}",
        f"--grpc-port={grpc.port}",
        f"--http-address={http.host}",
        f"--http-port={http.port}",
        f"--metrics-address={metrics.host}",
        f"--metrics-port={metrics.port}",
        "--allow-gpu-metrics=false",
        "--metrics-config=summary_latencies=true",
        f"--backend-config=python,shm-region-prefix-name={shared_memory_prefix(stack_id)}",
        # Half a minute, the default, is too short for a stub that loads torch beside other programs.
        f"--backend-config=python,stub-timeout-seconds={_START_TIMEOUT_S * len(models)}",
        "--log-format=ISO8601",
    )
