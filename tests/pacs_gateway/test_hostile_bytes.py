"""Damaged files and PDUs: refused or stored, but never a crash, a hang, or a file outside the storage root.

HUNET_MUTATIONS=10000 gives the long form (`tests/pacs_gateway/faults.sh`).
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

import psutil
import pytest
from gateway_process import configuration_text, wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mr_series import PATIENT_NAME, as_bytes, make_series, store_pdus
from pacs_gateway.routing.configuration_file import read_configuration
from pacs_gateway.storage.intake import INSTANCE_FOLDER, Intake
from pacs_gateway.storage.ledgers import Ledgers
from pacs_gateway.storage.refusals import InstanceRefusedError
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

MUTATIONS = int(os.environ.get("HUNET_MUTATIONS", "150"))
# Each of these is a connection.
PDU_MUTATIONS = int(os.environ.get("HUNET_MUTATIONS", "50"))
WHOLE_FILE = as_bytes(make_series(slices=1, size=8)[0])

# Where, and what there instead: bytes of any kind, in place of some, of none, or of all that follow.
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.binary(max_size=12), st.sampled_from(["replace", "insert", "cut", "delete"])),
    min_size=1,
    max_size=4,
)
HARD = settings(max_examples=MUTATIONS, suppress_health_check=list(HealthCheck))


def mutated(whole, edits):
    for place, new, kind in edits:
        at = int(place * len(whole))
        match kind:
            case "replace":
                whole = whole[:at] + new + whole[at + len(new) :]
            case "insert":
                whole = whole[:at] + new + whole[at:]
            case "cut":
                whole = whole[:at]
            case "delete":
                whole = whole[:at] + whole[at + len(new) :]
    return whole


@pytest.fixture(scope="module")
def intake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intake")
    file = folder / "gateway.toml"
    file.write_text(configuration_text(folder / "storage", 11112, 8042, 4242), "utf-8")
    configuration = read_configuration(file)
    ledgers = Ledgers.open(configuration)
    made = Intake(configuration.storage.root, ledgers.instances, ledgers.deliveries, max_instance_mb=1)
    made.folder = folder
    made.resident_before = resident_bytes()
    return made


def resident_bytes():
    """Of this process, which may hold much of other tests."""
    return psutil.Process().memory_info().rss


def all_files(folder):
    return {path.relative_to(folder).parts[:2] for path in folder.rglob("*.dcm")}


@pytest.mark.filterwarnings("ignore::UserWarning")
@HARD
@given(EDITS)
def test_a_mutated_file_is_taken_or_refused_by_name(intake, edits):
    with suppress(InstanceRefusedError):
        intake.accept(mutated(WHOLE_FILE, edits), "PACS", "127.0.0.1")

    assert all_files(intake.folder) <= {("storage", INSTANCE_FOLDER)}
    assert resident_bytes() - intake.resident_before < 500_000_000


def item(kind, content):
    return bytes([kind, 0]) + len(content).to_bytes(2, "big") + content


def association_request():
    """PS3.8 9.3.2: one presentation context, MR in explicit little endian."""
    syntaxes = item(0x30, MRImageStorage.encode()) + item(0x40, ExplicitVRLittleEndian.encode())
    user = item(0x51, (16384).to_bytes(4, "big")) + item(0x52, b"1.2.3")
    items = item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, b"\x01\0\0\0" + syntaxes) + item(0x50, user)
    content = b"\0\x01\0\0" + b"HUNET".ljust(16) + b"PACS".ljust(16) + bytes(32) + items
    return b"\x01\0" + len(content).to_bytes(4, "big") + content


RELEASE = b"\x05\0\0\0\0\x04\0\0\0\0"
MESSAGES = [association_request(), *store_pdus(WHOLE_FILE), RELEASE]


@pytest.fixture(scope="module")
def attacked_gateway(tmp_path_factory):
    from gateway_process import Gateway, free_ports

    node = "association_request_s = 0.3\nsilence_s = 0.3"
    gateway = Gateway(tmp_path_factory.mktemp("attacked"), *free_ports(2), node=node).start()
    yield gateway
    gateway.stop()


@pytest.mark.xdist_group("pacs")
def test_mutated_pdus_end_their_connection_and_nothing_else(attacked_gateway, record_property):
    gateway = attacked_gateway
    process = psutil.Process(gateway.process.pid)
    idle_threads = process.num_threads()

    @settings(max_examples=PDU_MUTATIONS, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.sampled_from(range(len(MESSAGES))), EDITS), min_size=1, max_size=3), st.booleans())
    def attack(messages, politely):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as connection:
            try:
                if politely:
                    connection.sendall(MESSAGES[0])
                for number, edits in messages:
                    connection.sendall(mutated(MESSAGES[number], edits))
            except ConnectionError:
                pass

    attack()

    record_property("measured", f"{PDU_MUTATIONS} connections")
    assert gateway.process.poll() is None
    assert process.memory_info().rss < 1_000_000_000
    assert all_files(gateway.folder) <= {("storage", INSTANCE_FOLDER)}
    wait_until(lambda: process.num_threads() <= idle_threads + 2, "every connection's end")
    assert PATIENT_NAME.split("^")[0] not in gateway.log()
    assert gateway.send(make_series("after the attack", slices=1)) == [0]
