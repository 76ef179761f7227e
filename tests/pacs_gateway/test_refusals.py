"""What a sender is told of an instance that is not taken, also when the refusal itself cannot be written down."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest
from mr_series import as_bytes, make_series
from pacs_gateway.dicomweb.store import StoreResource
from pacs_gateway.node.handlers import handle_store
from pacs_gateway.routing.configuration import Sender
from pacs_gateway.storage.intake import Intake
from pacs_gateway.storage.refusals import StoreStatus
from pynetdicom.dimse_primitives import C_STORE
from starlette.requests import Request

TOKEN = "3c59dc048e8850243be8079a5c74d079"
# Failed SOP Sequence, Other Failures Sequence.
FAILED = ("00081198", "0008119A")
BODY = b"--b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n--b--\r\n"


def no_room(*arguments, **keywords):
    raise OSError(28, "No space left on device")


@pytest.fixture
def instance():
    return make_series(slices=1)[0]


@pytest.fixture
def intake(open_ledgers, tmp_path, monkeypatch):
    """On a disk that is full."""
    ledgers = open_ledgers(tmp_path)
    monkeypatch.setattr("pacs_gateway.storage.intake.write_durably", no_room)
    yield Intake(tmp_path / "storage", ledgers.instances, ledgers.deliveries, max_instance_mb=1)
    ledgers.engine.dispose()


@pytest.fixture
def by_c_store(instance, intake, audit_log):
    """`by_c_store()`: the answer's status."""

    def send():
        request = C_STORE()
        request.AffectedSOPInstanceUID = instance.SOPInstanceUID
        requestor = SimpleNamespace(ae_title="PACS", address="127.0.0.1")
        assoc = SimpleNamespace(requestor=requestor)
        event = SimpleNamespace(assoc=assoc, request=request, encoded_dataset=lambda: as_bytes(instance))
        return handle_store(event, intake, audit_log).Status

    return send


@pytest.fixture
def by_stow(instance, intake, audit_log, tmp_path):
    """`by_stow()`: the failure reason in the answer."""
    (tmp_path / "token").write_text(TOKEN)
    sender = Sender(ae_title="PACS", addresses=["127.0.0.1"], bearer_token_file=tmp_path / "token")
    store = StoreResource([sender], intake, audit_log, max_instance_mb=1)

    kind = b'multipart/related; type="application/dicom"; boundary=b'
    headers = [(b"authorization", b"Bearer " + TOKEN.encode()), (b"content-type", kind)]
    scope = {"type": "http", "method": "POST", "path": "/studies", "headers": headers, "client": ("127.0.0.1", 50000)}

    async def receive():
        return {"type": "http.request", "body": BODY % as_bytes(instance), "more_body": False}

    def send():
        told = asyncio.run(store(Request(scope, receive)))
        assert told.status_code == 409
        answer = json.loads(told.body)
        [failed] = [item for tag in FAILED for item in answer.get(tag, {}).get("Value", ())]
        return failed["00081197"]["Value"][0]

    return send


def test_a_full_disk_is_told_by_c_store_though_the_audit_log_is_on_it(by_c_store, audit_log, monkeypatch):
    monkeypatch.setattr(audit_log, "write", no_room)

    assert by_c_store() == StoreStatus.OUT_OF_RESOURCES


def test_a_full_disk_is_told_by_stow_though_the_audit_log_is_on_it(by_stow, audit_log, monkeypatch):
    monkeypatch.setattr(audit_log, "write", no_room)

    assert by_stow() == StoreStatus.OUT_OF_RESOURCES


def test_each_refusal_is_a_line_of_the_audit_log(by_c_store, by_stow, tmp_path):
    by_c_store()
    by_stow()

    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [(line["event"], line["status"]) for line in lines] == [("instance refused", "0xA700")] * 2


def test_an_unforeseen_failure_by_stow_is_a_line_too(by_stow, tmp_path, monkeypatch):
    def fail(*arguments, **keywords):
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("pacs_gateway.storage.intake.write_durably", fail)

    assert by_stow() == StoreStatus.PROCESSING_FAILURE

    [line] = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert line["status"] == "0x0110"
