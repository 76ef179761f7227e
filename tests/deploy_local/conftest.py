"""Small real processes as parts of a stack, and a state folder of the test's own."""

from __future__ import annotations

import asyncio
import socket
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from hunet_local.parts import Part
from hunet_local.probes import NotAnsweringError

# Listens on the port it is given and answers each connection with its own process id.
SERVER = """
    import os, socket, sys
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print("listening", flush=True)
    while True:
        connection, _ = listener.accept()
        connection.sendall(str(os.getpid()).encode())
        connection.close()
"""


class ConnectProbe:
    """A part answers when it says anything to a connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.asked = 0

    async def check_ready(self) -> None:
        await asyncio.to_thread(self.pid)
        self.asked += 1

    check_alive = check_ready

    def pid(self) -> int:
        try:
            with closing(socket.create_connection(("127.0.0.1", self._port), timeout=5)) as connection:
                return int(connection.recv(64))
        except (OSError, ValueError) as exc:
            raise NotAnsweringError(str(exc)) from exc


@pytest.fixture(autouse=True)
def _own_state_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HUNET_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def part_running(tmp_path) -> Callable[..., Part]:
    """A part that runs some Python code with a port of its own as its argument, and is asked by connecting to it.

    `before`: code that runs first.
    """
    taken: set[int] = set()

    def own_port() -> int:
        with closing(socket.create_server(("127.0.0.1", 0))) as listener:
            port = listener.getsockname()[1]
        if port in taken:
            return own_port()
        taken.add(port)
        return port

    def make(
        code: str = SERVER,
        *,
        before: str = "",
        name: str = "echo",
        start_timeout_s: float = 30,
        stop_timeout_s: float = 30,
        **kind: bool,
    ) -> Part:
        port = own_port()
        whole = textwrap.dedent(before) + textwrap.dedent(code)
        return Part(
            name=name,
            command=(sys.executable, "-c", whole, str(port)),
            probe=ConnectProbe(port),
            log_file=tmp_path / f"{name}.log",
            start_timeout_s=start_timeout_s,
            stop_timeout_s=stop_timeout_s,
            **kind,
        )

    return make


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], object]], None]:
    """Polls until the condition holds; fails after a minute."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def is_alive() -> Callable[[int], bool]:
    """Whether a process runs; a zombie does not."""

    def check(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return check


@pytest.fixture
def pid_in() -> Callable[[Path], int | None]:
    """The process id that a program has written into a file, once it is there."""

    def read(path: Path) -> int | None:
        text = path.read_text() if path.exists() else ""
        return int(text) if text.endswith("\n") else None

    return read
