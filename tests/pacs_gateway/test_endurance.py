"""Connections and associations by the hundred leave nothing behind, seen from outside the gateway's process.

HUNET_ASSOCIATIONS=1000 HUNET_CONNECTIONS=10000 gives the long form (`tests/pacs_gateway/faults.sh`).
"""

from __future__ import annotations

import os
import socket

import psutil
import pytest
from gateway_process import wait_until
from pynetdicom import AE
from pynetdicom.sop_class import Verification

pytestmark = [pytest.mark.xdist_group("pacs"), pytest.mark.slow]

ASSOCIATIONS = int(os.environ.get("HUNET_ASSOCIATIONS", "40"))
CONNECTIONS = int(os.environ.get("HUNET_CONNECTIONS", "300"))


def test_memory_stays_flat_and_the_node_answering(make_gateway, record_property):
    gateway = make_gateway()
    process = psutil.Process(gateway.process.pid)
    idle_threads = process.num_threads()

    def come_and_go(connections, associations):
        for _ in range(connections):
            socket.create_connection(("127.0.0.1", gateway.port), timeout=30).close()
        for _ in range(associations):
            assert echo(gateway) == 0
        wait_until(lambda: process.num_threads() <= idle_threads + 2, "the last thread to go")

    come_and_go(CONNECTIONS // 3, ASSOCIATIONS // 2)
    before = process.memory_info().rss
    come_and_go(CONNECTIONS, ASSOCIATIONS)

    grown = process.memory_info().rss - before
    measured = f"{CONNECTIONS} connections, {ASSOCIATIONS} associations: resident memory grown by {grown / 1e6:.1f} MB"
    record_property("measured", measured)
    assert grown < 5_000_000
    assert echo(gateway) == 0


def echo(gateway):
    """The status, once there is room for the association."""

    def answer():
        entity = AE(ae_title="PACS")
        entity.add_requested_context(Verification)
        association = entity.associate("127.0.0.1", gateway.port, ae_title="HUNET")
        if not association.is_established:
            return None
        status = association.send_c_echo().Status
        association.release()
        return (status,)

    return wait_until(answer, "an association")[0]
