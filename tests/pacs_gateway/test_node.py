"""The DICOM node as peers meet it: who is let in, how many, for how long, and that nothing piles up."""

from __future__ import annotations

import socket
import ssl
import subprocess

import pytest
from gateway_process import free_ports, wait_until
from mr_series import as_bytes, make_series, store_pdus
from pacs_gateway.audit import AuditLog
from pacs_gateway.node.node import DicomNode
from pacs_gateway.routing.configuration import Configuration
from pacs_gateway.storage.intake import Intake
from pacs_gateway.storage.ledgers import Ledgers
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLosslessSV1, MRImageStorage, RLELossless
from pynetdicom import AE
from pynetdicom.sop_class import Verification


@pytest.fixture
def make_node(tmp_path):
    """`make_node(node={...})`: a node of this process, with everything behind it."""
    running = []

    def make(senders=None, **node):
        configuration = Configuration.model_validate(
            {
                "storage": {"root": tmp_path / "storage"},
                "node": {"port": free_ports(1)[0], **node},
                "senders": senders or [{"ae_title": "PACS", "addresses": ["127.0.0.1"]}],
                "destinations": [{"name": "p", "protocol": "dimse", "ae_title": "P", "host": "127.0.0.1", "port": 104}],
            }
        )
        ledgers = Ledgers.open(configuration)
        audit = AuditLog(configuration.audit_path)
        limit = configuration.node.max_instance_mb
        intake = Intake(configuration.storage.root, ledgers.instances, ledgers.deliveries, max_instance_mb=limit)
        unasked = lambda transaction_uid, failed: False  # noqa: E731
        made = DicomNode(configuration.node, configuration.senders, intake, ledgers.instances, unasked, audit)
        made.start()
        made.configuration = configuration
        running.append(made)
        return made

    yield make
    for node in running:
        node.stop()


A_ABORT = b"\x07"


def associate(node, *, calling="PACS", called="HUNET", **options):
    entity = AE(ae_title=calling)
    entity.acse_timeout = entity.connection_timeout = 30
    entity.add_requested_context(Verification)
    return entity.associate("127.0.0.1", node.port, ae_title=called, **options)


def test_dcmtk_gets_its_echo(make_node, dcmtk):
    node = make_node()

    echo = dcmtk("echoscu", "-aet", "PACS", "-aec", "HUNET", "127.0.0.1", node.port)

    assert echo.returncode == 0, echo.stderr


@pytest.mark.parametrize(("calling", "called"), [("STRANGER", "HUNET"), ("PACS", "OTHER")])
def test_an_unknown_title_is_rejected(make_node, calling, called):
    association = associate(make_node(), calling=calling, called=called)

    assert association.is_rejected
    assert association.acceptor.primitive.result == 1, "for good"


def test_a_known_title_from_anothers_address_is_rejected(make_node):
    senders = [
        {"ae_title": "PACS", "addresses": ["10.0.0.1"]},
        {"ae_title": "OTHER", "addresses": ["127.0.0.1"]},
    ]

    assert associate(make_node(senders), calling="PACS").is_rejected


def test_an_address_that_is_nobodys_is_not_even_listened_to(make_node):
    node = make_node([{"ae_title": "PACS", "addresses": ["10.0.0.1"]}])

    association = associate(node)

    assert not association.is_established
    assert not association.is_rejected


def test_the_association_over_the_limit_is_rejected_and_a_free_place_is_given_again(make_node):
    node = make_node(max_associations=2)
    first, second = associate(node), associate(node)
    assert first.is_established
    assert second.is_established

    third = associate(node)

    assert third.is_rejected
    assert third.acceptor.primitive.result == 2, "for now"
    first.release()
    wait_until(lambda: (again := associate(node)).is_established and (again.release() or True), "a free place")
    second.release()


def test_bare_connections_take_no_associations_place(make_node):
    node = make_node(max_associations=1, max_connections=8)
    bare = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(5)]

    association = associate(node)

    assert association.is_established
    association.release()
    for connection in bare:
        connection.close()


@pytest.mark.parametrize("said", [b"", b"\x01\x00\x00\x00", b"\x01\x00\x00\x00\x10\x00half of a request"])
def test_a_silent_peer_is_dropped(make_node, said):
    node = make_node(association_request_s=0.5, silence_s=0.5)
    with socket.create_connection(("127.0.0.1", node.port), timeout=30) as connection:
        connection.sendall(said)

        assert connection.recv(64)[:1] in (b"", A_ABORT)


def test_an_association_that_falls_silent_is_ended(make_node):
    node = make_node(silence_s=0.5)
    association = associate(node)
    assert association.is_established

    wait_until(lambda: association.is_aborted or not association.is_alive(), "the abort", timeout_s=30)


def test_a_pdu_that_says_it_is_huge_is_not_waited_for(make_node):
    node = make_node(silence_s=600.0, association_request_s=600.0)
    with socket.create_connection(("127.0.0.1", node.port), timeout=30) as connection:
        connection.sendall(b"\x01\x00\x00\x20\x00\x00" + bytes(4096))

        with pytest.raises((ConnectionError, IndexError)):
            _ = connection.recv(64)[0]


def test_an_instance_over_the_limit_ends_its_association(make_node):
    node = make_node(max_instance_mb=1)
    entity = AE(ae_title="PACS")
    entity.add_requested_context(MRImageStorage, "1.2.840.10008.1.2.1")
    association = entity.associate("127.0.0.1", node.port, ae_title="HUNET")

    answer = association.send_c_store(make_series("large", slices=1, size=1024)[0])

    assert "Status" not in answer
    assert not list(node.configuration.storage.root.rglob("*.dcm"))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLosslessSV1, JPEG2000Lossless])
def test_compressed_instances_are_stored_as_received(make_node, syntax):
    from pydicom import dcmread
    from pydicom.encaps import encapsulate

    node = make_node()
    [dataset] = make_series("compressed", slices=1)
    dataset.PixelData = encapsulate([b"not decoded by the node!"])
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset["PixelData"].is_undefined_length = True
    entity = AE(ae_title="PACS")
    entity.add_requested_context(MRImageStorage, syntax)
    association = entity.associate("127.0.0.1", node.port, ae_title="HUNET")

    assert association.send_c_store(dataset).Status == 0

    association.release()
    [file] = node.configuration.storage.root.rglob("*.dcm")
    stored = dcmread(file)
    assert stored.file_meta.TransferSyntaxUID == syntax
    assert stored.PixelData == dataset.PixelData


def test_received_identifiers_never_become_paths(make_node):
    node = make_node()
    [dataset] = make_series("../../escape", slices=1)
    dataset.SeriesInstanceUID = "../../../../tmp/escaped"
    dataset.StudyInstanceUID = "1.2.3"
    entity = AE(ae_title="PACS")
    entity.add_requested_context(MRImageStorage, "1.2.840.10008.1.2.1")
    association = entity.associate("127.0.0.1", node.port, ae_title="HUNET")

    answer = association.send_c_store(dataset)

    assert answer.Status == 0xA900
    assert answer.ErrorComment == "SeriesInstanceUID is absent or no UID"
    association.release()
    assert not list(node.configuration.storage.root.rglob("*.dcm"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    names = folder / "certificate.pem", folder / "key.pem"
    names_of_host = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", names_of_host, "-out", str(names[0]), "-keyout", str(names[1])]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return names


def test_tls_lets_in_who_shows_the_right_certificate_only(make_node, certificate):
    tls = {"certificate": certificate[0], "key": certificate[1], "ca": certificate[0]}
    node = make_node(tls=tls)
    # A peer that says nothing during its handshake holds up nobody.
    silent = socket.create_connection(("127.0.0.1", node.port))
    context = ssl.create_default_context(cafile=certificate[0])
    without = associate(node, tls_args=(context, "localhost"))
    assert not without.is_established
    context.load_cert_chain(*certificate)

    association = associate(node, tls_args=(context, "localhost"))

    assert association.is_established
    assert association.send_c_echo().Status == 0
    association.release()
    assert not associate(node).is_established, "without TLS"
    silent.close()


@pytest.mark.parametrize(("missing_pdus", "files"), [(0, 1), (1, 0)])
def test_a_file_is_there_once_the_last_of_its_store_command_came(make_node, missing_pdus, files):
    node = make_node(silence_s=1.0)
    pdus = list(store_pdus(as_bytes(make_series("broken off", slices=1)[0])))
    entity = AE(ae_title="PACS")
    entity.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", node.port, ae_title="HUNET")
    association.dul.socket.socket.sendall(b"".join(pdus[: len(pdus) - missing_pdus]))
    stored = lambda: list(node.configuration.storage.root.rglob("*.dcm"))  # noqa: E731
    if files:
        wait_until(stored, "the file")
    association.abort()

    wait_until(lambda: not node._server.active_associations, "its end")
    assert len(stored()) == files
