"""`hunet-preprocess serve` as a process: says where it listens, stops gracefully, refuses nonsense."""

import asyncio
import json
import signal
import subprocess
import sys

import grpc
import numpy as np
import psutil
import pytest
from click.testing import CliRunner
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hunet_protocol.v1 import preprocess_pb2 as pb
from hunet_protocol.v1 import preprocess_pb2_grpc
from preprocess_service.cli import main

pytestmark = pytest.mark.anyio
COMMAND = [sys.executable, "-m", "preprocess_service", "serve"]
FREE_PORTS = ["--address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0"]


@pytest.fixture
def service_options():
    """What a test wants to start its service with; parametrize it."""
    return []


@pytest.fixture
def service(service_options):
    command = [*COMMAND, *FREE_PORTS, *service_options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        process.address = json.loads(process.stdout.readline())["address"]
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_sigterm_lets_a_running_scan_finish_and_turns_new_ones_away(service, head, make_nifti):
    content = make_nifti(*head, compress=True)
    async with grpc.aio.insecure_channel(service.address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await health.read()).status == health_pb2.HealthCheckResponse.SERVING
        running = preprocess_pb2_grpc.PreprocessServiceStub(channel).Preprocess()
        await running.write(pb.PreprocessRequest(header=pb.PreprocessHeader(file_name="jane_doe.nii.gz")))
        await running.write(pb.PreprocessRequest(chunk=content[:100]))
        # Calls are taken up in turn, so once this one is answered, that one runs.
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        service.send_signal(signal.SIGTERM)
        assert (await health.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        health.cancel()

        async with grpc.aio.insecure_channel(service.address) as late:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await health_pb2_grpc.HealthStub(late).Check(health_pb2.HealthCheckRequest())
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE

        await running.write(pb.PreprocessRequest(chunk=content[100:]))
        await running.done_writing()
        parts = [part async for part in running]
    assert sum(part.slices.count for part in parts) == 30
    _, log = service.communicate(timeout=30)
    assert service.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["event"] for line in lines] == ["listening", "stopping", "call finished", "stopped"]
    assert lines[2]["outcome"] == "ok"
    assert lines[2]["scan"] == parts[0].manifest.input_sha256[:12]
    assert "jane" not in log


@pytest.mark.parametrize("service_options", [["--stop-grace-s", "0.5"]])
async def test_sigterm_ends_an_upload_that_stands_still_at_the_end_of_the_grace_time(service, head, make_nifti):
    async with grpc.aio.insecure_channel(service.address) as channel:
        stalled = preprocess_pb2_grpc.PreprocessServiceStub(channel).Preprocess()
        await stalled.write(pb.PreprocessRequest(header=pb.PreprocessHeader(file_name="scan.nii.gz")))
        await stalled.write(pb.PreprocessRequest(chunk=make_nifti(*head, compress=True)[:100]))
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        service.send_signal(signal.SIGTERM)
        _, log = await asyncio.to_thread(service.communicate, timeout=30)
    assert service.returncode == 0
    assert '"event": "stopped"' in log


async def test_a_scan_for_which_memory_runs_out_fails_alone(service, head, make_nifti):
    """As in a container at its limit: 300 MB more than it has now are enough for a small scan, not for a large one."""
    large = make_nifti(np.zeros((480, 480, 480), np.float32), np.eye(4), compress=True)
    process = psutil.Process(service.pid)
    limit = process.memory_info().vms + 300 * 2**20
    process.rlimit(psutil.RLIMIT_AS, (limit, limit))
    async with grpc.aio.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await preprocessed(channel, large)
        assert caught.value.code() == grpc.StatusCode.INTERNAL
        assert await preprocessed(channel, make_nifti(*head, compress=True)) == 30
    assert process.is_running()


async def preprocessed(channel, content):
    """Slices that come back."""
    call = preprocess_pb2_grpc.PreprocessServiceStub(channel).Preprocess()
    await call.write(pb.PreprocessRequest(header=pb.PreprocessHeader(file_name="scan.nii.gz")))
    for start in range(0, len(content), 2**20):
        await call.write(pb.PreprocessRequest(chunk=content[start : start + 2**20]))
    await call.done_writing()
    return sum([part.slices.count async for part in call])


@pytest.fixture
def run(monkeypatch):
    """Runs the command in this process, which must not get as far as serving."""

    def run_command(*options, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(main, ["serve", *FREE_PORTS, *options])

    return run_command


def test_a_port_in_use_is_an_error_and_not_shared(service, run):
    result = run("--address", service.address)
    assert result.exit_code == 1
    assert service.address in result.stderr


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        (["--max-scans", "0"], {}),
        (["--idle-timeout-s", "-1"], {}),
        ([], {"HUNET_PREPROCESS_MAX_SCANS": "many"}),
    ],
)
def test_nonsense_settings_are_usage_errors(options, environment, run):
    result = run(*options, **environment)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage:")
    assert "max_scans" in result.stderr or "idle_timeout_s" in result.stderr


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:http", ":50051"])
def test_an_address_without_host_and_port_is_an_error(address, run):
    for option in ("--address", "--metrics-address"):
        result = run(option, address)
        assert result.exit_code == 1
        assert f"{address!r} is not host:port" in result.stderr
