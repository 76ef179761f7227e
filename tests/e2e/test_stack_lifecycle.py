"""`hunet up`, `status`, `down`: what they leave behind is nothing, also when the supervisor is killed."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

PATIENCE_S = 120


@pytest.fixture
def traces_of() -> Callable[[dict], list[str]]:
    """What is left of a stack that looked like this."""

    def look(stack: dict) -> list[str]:
        return [
            *(f"process {pid}" for pid in stack["pids"] if is_alive(pid)),
            *(f"port {port}" for port in stack["ports"] if not is_free(port)),
            *(str(path) for path in Path("/dev/shm").glob(f"hunet-{stack['id']}*")),
        ]

    return look


def is_alive(pid: int) -> bool:
    """Whether it runs; a dead process that nobody has waited for yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def portrait(stack) -> dict:
    """Everything that a running stack has: processes, ports, the mark on its shared memory."""
    state = stack.state
    supervisor = psutil.Process(state.pid)
    addresses = [value for name, value in state.model_dump().items() if name.endswith("_address") and value]
    return {
        "pids": [supervisor.pid, *(child.pid for child in supervisor.children(recursive=True))],
        "ports": [int(address.rpartition(":")[2]) for address in addresses],
        "id": json.loads((stack.state_folder / "supervisor.json").read_text())["stack_id"],
    }


def test_a_stack_tells_that_it_runs_and_leaves_nothing(start_stack, traces_of):
    stack = start_stack()
    running = portrait(stack)
    assert len(traces_of(running)) >= len(running["pids"]) + len(running["ports"]) + 1

    status = stack.hunet("status", "--json")
    assert status.returncode == 0
    answering = {"answers": True, "problem": None}
    found = json.loads(status.stdout)
    assert found["parts"] == {"preprocess": answering, "triton": answering, "gateway": answering}
    assert found["models"]["mamba_hunet"].items() >= answering.items()
    again = stack.hunet("up", "--detach")
    assert again.returncode == 0
    assert "already running" in again.stdout

    down = stack.hunet("down")
    assert down.stdout.strip() == "stopped; nothing is left running"
    assert traces_of(running) == []
    assert not (stack.state_folder / "stack.json").exists()
    assert stack.hunet("status").returncode == 4
    assert stack.hunet("down").stdout.strip() == "nothing was running"


def test_a_killed_supervisor_takes_everything_with_it(start_stack, traces_of):
    stack = start_stack()
    running = portrait(stack)
    psutil.Process(stack.state.pid).kill()
    deadline = time.monotonic() + PATIENCE_S
    while left := traces_of(running):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    assert stack.hunet("status").returncode == 4
    assert not (stack.state_folder / "stack.json").exists()
