"""`serve-triton`, the command of the image, run with the embedded Triton and no model: what it answers and locks."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import tritonclient.grpc as triton
from hunet_local.install import ensure_installed, runtime_folder
from tritonclient.utils import InferenceServerException

SCRIPT = Path(__file__).parents[3] / "deploy/docker/serve-triton"
PATIENCE_S = 120


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Of gRPC and of metrics."""
    grpc, metrics = free_ports(2)
    return grpc, metrics


@pytest.fixture(scope="module", autouse=True)
def server(ports, tmp_path_factory) -> Iterator[subprocess.Popen[bytes]]:
    """Listens on loopback and has nothing to serve."""
    runtime = ensure_installed(runtime_folder(), print)
    environment = os.environ | runtime.environment()
    environment["PATH"] = f"{runtime.server.parent}{os.pathsep}{environment['PATH']}"
    environment["HUNET_MODEL_REPOSITORY"] = str(tmp_path_factory.mktemp("models"))
    options = [f"--grpc-port={ports[0]}", f"--metrics-port={ports[1]}", "--allow-gpu-metrics=false"]
    loopback = ["--grpc-address=127.0.0.1", "--metrics-address=127.0.0.1"]
    process = subprocess.Popen([SCRIPT, *options, *loopback], env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(ports[0], process)
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        while True:
            try:
                assert client.is_server_live()
            except InferenceServerException:
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.register_system_shared_memory("planted", "/planted", 64),
        lambda client: client.get_system_shared_memory_status(),
        lambda client: client.load_model("planted"),
        lambda client: client.get_model_repository_index(),
        lambda client: client.update_log_settings(settings={"log_verbose_level": 3}),
        lambda client: client.update_trace_settings(settings={"trace_level": ["TENSORS"]}),
    ],
    ids=["share memory", "list shared memory", "load a model", "list models", "change logging", "trace tensors"],
)
def test_what_no_client_needs_is_locked(ports, call: Callable):
    with (
        triton.InferenceServerClient(f"127.0.0.1:{ports[0]}") as client,
        pytest.raises(InferenceServerException, match="This protocol is restricted"),
    ):
        call(client)


def test_metrics_come_as_the_text_that_any_prometheus_takes(ports):
    with urllib.request.urlopen(f"http://127.0.0.1:{ports[1]}/metrics", timeout=30) as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        assert "nv_cpu_utilization" in response.read().decode()


def test_it_listens_on_nothing_else(ports, server):
    connections = psutil.Process(server.pid).net_connections()
    listening = {found.laddr.port for found in connections if found.status == psutil.CONN_LISTEN}
    assert listening == set(ports)
