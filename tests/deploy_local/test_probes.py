"""What a probe makes of a part's answers."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from hunet_local.probes import HttpProbe, NotAnsweringError


@pytest.fixture
def answering():
    """`answering(bytes)`: the URL of a server that answers one request with just these bytes."""
    listeners = []

    def make(answer):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield make
    for listener in listeners:
        listener.close()


def test_a_page_is_an_answer(answering):
    asyncio.run(HttpProbe(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).check_ready())


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"nonsense\r\n\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok", id="cut off"),
        pytest.param(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", id="503"),
    ],
)
def test_anything_else_is_none(answering, answer):
    with pytest.raises(NotAnsweringError):
        asyncio.run(HttpProbe(answering(answer)).check_ready())
