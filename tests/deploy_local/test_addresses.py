"""Which addresses a stack gets."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import astuple

import pytest
from hunet_client.errors import UsageError
from hunet_local.addresses import Address, choose_addresses, parse_addresses


def test_any_ports_are_free_different_and_on_loopback():
    addresses = [Address(*fields) for fields in astuple(choose_addresses({}, usual=False))]
    assert {address.host for address in addresses} == {"127.0.0.1"}
    assert len({address.port for address in addresses}) == len(addresses)
    for address in addresses:
        socket.create_server((address.host, address.port)).close()


def test_a_taken_usual_port_is_replaced():
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", 9464))
            listener.listen()
        except OSError:
            pass  # Taken already: just as well.
        assert choose_addresses({}, usual=True).preprocess_metrics.port != 9464


def test_a_given_address_is_kept(free_port):
    chosen = choose_addresses(parse_addresses((f"triton-grpc=127.0.0.1:{free_port}",)), usual=False)
    assert str(chosen.triton_grpc) == f"127.0.0.1:{free_port}"


def test_a_given_address_that_is_taken_is_an_error(free_port):
    with (
        closing(socket.create_server(("127.0.0.1", free_port))),
        pytest.raises(UsageError, match="cannot listen there"),
    ):
        choose_addresses({"triton_grpc": Address("127.0.0.1", free_port)}, usual=True)


def test_a_part_that_listens_everywhere_is_reached_on_loopback():
    assert Address("0.0.0.0", 8001).reachable == "127.0.0.1:8001"
    assert Address("10.1.2.3", 8001).reachable == "10.1.2.3:8001"


@pytest.mark.parametrize(
    "text",
    ["triton=127.0.0.1:1", "triton-grpc", "triton-grpc=8001", "triton-grpc=host:x", "triton-grpc=h:70000"],
)
def test_an_address_of_another_form_is_refused(text):
    with pytest.raises(UsageError, match="is not NAME=HOST:PORT"):
        parse_addresses((text,))
