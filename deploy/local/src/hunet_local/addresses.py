"""The addresses of a stack: the usual ports on loopback where they are free, any free ones otherwise."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields

from hunet_client.errors import UsageError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """Host and port that a part listens on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def reachable(self) -> str:
        """`host:port` to connect to from here: a part that listens everywhere is reached on loopback."""
        return f"{LOOPBACK if self.host == '0.0.0.0' else self.host}:{self.port}"


@dataclass(frozen=True)
class Addresses:
    """Where every part of a stack listens."""

    preprocess: Address
    preprocess_metrics: Address
    triton_grpc: Address
    triton_http: Address
    triton_metrics: Address
    gateway_dicom: Address
    gateway_http: Address
    archive_dicom: Address
    archive_http: Address


USUAL_PORTS = {
    "preprocess": 50051,
    "preprocess_metrics": 9464,
    "triton_grpc": 8001,
    "triton_http": 8000,
    "triton_metrics": 8002,
    "gateway_dicom": 11112,
    "gateway_http": 8043,
    "archive_dicom": 4242,
    "archive_http": 8042,
}
NAMES = tuple(field.name.replace("_", "-") for field in fields(Addresses))


def choose_addresses(given: Mapping[str, Address], *, usual: bool) -> Addresses:
    """Completes the given addresses (by field name; port 0 means any free one).

    Args:
        given: what the user asked for.
        usual: try the usual port of each part first.

    Raises UsageError when a given port is taken.
    """
    # All sockets stay open until every port is chosen, so that none is handed out twice.
    held: list[socket.socket] = []
    try:
        chosen = {name: _choose(name, given.get(name), held, usual=usual) for name in USUAL_PORTS}
    finally:
        for listener in held:
            listener.close()
    return Addresses(**chosen)


def parse_addresses(texts: tuple[str, ...]) -> dict[str, Address]:
    """`("triton-grpc=127.0.0.1:9001",)` as addresses by field name. Raises UsageError."""
    parsed = {}
    for text in texts:
        name, _, address = text.partition("=")
        host, _, port = address.rpartition(":")
        if name not in NAMES or not host or not port.isdigit() or int(port) > 65535:
            raise UsageError(
                f"--address {text}",
                "is not NAME=HOST:PORT",
                f"NAME is one of {', '.join(NAMES)}; port 0 is any free one.",
            )
        parsed[name.replace("-", "_")] = Address(host, int(port))
    return parsed


def _choose(name: str, given: Address | None, held: list[socket.socket], *, usual: bool) -> Address:
    if given is not None:
        try:
            return _hold(given, held)
        except OSError as exc:
            raise UsageError(f"--address {name}={given}", f"cannot listen there ({exc})", "Choose another.") from exc
    if usual:
        try:
            return _hold(Address(LOOPBACK, USUAL_PORTS[name]), held)
        except OSError:
            pass
    return _hold(Address(LOOPBACK, 0), held)


def _hold(address: Address, held: list[socket.socket]) -> Address:
    """Takes the port, so that nobody else is given it meanwhile. Raises OSError when it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.append(listener)
    # A port whose last connections are only lingering is free.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address.host, address.port))
    listener.listen(1)
    return Address(address.host, listener.getsockname()[1])
