"""The configuration file: what is wrong is named by key, with what is allowed."""

from __future__ import annotations

import pytest
from gateway_process import configuration_text
from hunet_client.errors import UsageError
from pacs_gateway.routing.configuration_file import read_configuration
from pacs_gateway.routing.senders import find_sender, find_sender_by_token
from pacs_gateway.routing.tokens import check_tokens


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        file = tmp_path / "gateway.toml"
        file.write_text(text, "utf-8")
        return read_configuration(file)

    return read_text


@pytest.fixture
def right(tmp_path):
    return configuration_text(tmp_path / "storage", 11112, 8042, 4242)


def test_the_right_one_is_read(read, right):
    configuration = read(right)

    assert configuration.node.port == 11112
    assert [sender.priority for sender in configuration.senders] == ["routine", "urgent"]
    assert configuration.retention.images == "delete", "nothing of a patient is kept unless it is asked for"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("port = 11112", "port = 70000", "node.port: must be less than or equal to 65535, not 70000"),
        ("port = 11112", "prot = 1", "node.prot: there is no such key. Allowed: ae_title, "),
        ('priority = "urgent"', 'priority = "fast"', "senders[2].priority: must be 'urgent' or 'routine', not 'fast'"),
        ('ae_title = "PACS"', 'ae_title = "A\\\\B"', "is not an AE title. Allowed: 1 to 16 printable ASCII"),
        ('addresses = ["127.0.0.1"]', 'addresses = ["here"]', "senders[1].addresses[1]: value is not a valid IPv4"),
        ('protocol = "dimse"', 'protocol = "ftp"', "destinations[1].protocol: 'ftp' is not known. Allowed: 'dimse'"),
        ('protocol = "dimse"', "", "destinations[1].protocol: is missing. Allowed: 'dimse', 'dicomweb'"),
        ("timeout_s = 10.0", 'outputs = ["SEG", "RT"]', "must be 'SEG', 'SR', 'SC' or 'PDF', not 'RT'"),
        ("timeout_s = 10.0", 'senders = ["WHO"]', "destinations.orthanc.senders: WHO may not send. Allowed: ORTHANC"),
        ("[jobs]", "[jobs", "is not TOML"),
        ("[jobs]", '[jobs]\ndatabase_url = "mysql://"', "jobs.database_url: must match pattern"),
        (
            "[[destinations]]",
            "[other]\n[[destinations]]",
            "other: there is no such key. Allowed: api, audit, destinations",
        ),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(read, right, old, new, said):
    with pytest.raises(UsageError) as raised:
        read(right.replace(old, new, 1))

    assert said in str(raised.value)


def test_all_mistakes_are_named_at_once(read, right):
    with pytest.raises(UsageError) as raised:
        read(right.replace("quiet_s = 0.5", "quiet_s = 0").replace("port = 8042", "port = -1"))

    assert "jobs.quiet_s" in str(raised.value)
    assert "dicomweb.port" in str(raised.value)


def test_a_sender_is_its_title_and_its_address_together(read, right):
    senders = read(right.replace('["127.0.0.1"]', '["10.1.0.0/16"]', 1)).senders

    assert find_sender(senders, "PACS", "10.1.2.3").ae_title == "PACS"
    assert find_sender(senders, " PACS ", "::ffff:10.1.2.3").ae_title == "PACS"
    assert find_sender(senders, "PACS", "127.0.0.1") is None
    assert find_sender(senders, "ORTHANC", "10.1.2.3") is None


def test_a_token_opens_only_from_its_senders_address(read, right, tmp_path):
    file = tmp_path / "token"
    senders = read(right.replace("[[senders]]", f'[[senders]]\nbearer_token_file = "{file}"', 1)).senders

    assert find_sender_by_token(senders, "", "127.0.0.1") is None, "a missing token opens nothing"
    file.write_text("open sesame\n")
    assert find_sender_by_token(senders, "open sesame", "127.0.0.1").ae_title == "PACS"
    assert find_sender_by_token(senders, "open sesame", "10.0.0.1") is None
    assert find_sender_by_token(senders, "sesame", "127.0.0.1") is None


def test_a_token_file_without_a_token_keeps_the_gateway_from_starting(read, right, tmp_path):
    (tmp_path / "empty").write_text("\n")
    for file in ("empty", "missing"):
        named = right.replace("[[senders]]", f'[[senders]]\nbearer_token_file = "{tmp_path / file}"', 1)
        with pytest.raises(UsageError, match=f"{file}.*holds no token"):
            check_tokens(read(named))
