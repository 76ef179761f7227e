"""What the node does with each request; a failure becomes a status that its sender can read."""

from __future__ import annotations

import logging

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_STORE

from pacs_gateway.audit import AuditLog
from pacs_gateway.metrics import INSTANCES
from pacs_gateway.node.guarded_socket import GuardedSocket
from pacs_gateway.storage.instances import InstanceLedger
from pacs_gateway.storage.intake import Intake
from pacs_gateway.storage.refusal_record import record_refusal
from pacs_gateway.storage.refusals import InstanceRefusedError, StoreStatus
from pacs_gateway.storage.uids import is_uid

_LOG = logging.getLogger(__name__)


def handle_echo(event: evt.Event) -> int:
    return StoreStatus.SUCCESS


def handle_store(event: evt.Event, intake: Intake, audit: AuditLog) -> int | Dataset:
    """C-STORE (PS3.4 annex B): success is answered only for what is on the disk."""
    sender = event.assoc.requestor
    assert isinstance(event.request, C_STORE)
    sop_uid = str(event.request.AffectedSOPInstanceUID)
    try:
        receipt = intake.accept(event.encoded_dataset(), sender.ae_title.strip(), sender.address)
        if receipt.sop_uid != sop_uid:
            _LOG.warning("the command names another SOP Instance UID than the data set, which was taken")
        INSTANCES.labels(outcome=receipt.outcome).inc()
        return StoreStatus.SUCCESS
    except InstanceRefusedError as error:
        refused = error
        _LOG.warning("instance from %s refused: %s", sender.ae_title, error.what, exc_info=error.__cause__)
    except Exception:
        refused = InstanceRefusedError(StoreStatus.PROCESSING_FAILURE, "unexpected error")
        _LOG.exception("instance from %s refused", sender.ae_title)
    record_refusal(
        audit,
        refused,
        ae_title=sender.ae_title.strip(),
        address=sender.address,
        sop_uid=sop_uid if is_uid(sop_uid) else None,
    )
    answer = Dataset()
    answer.Status = int(refused.status)
    answer.ErrorComment = refused.what[:64]
    return answer


def handle_availability(event: evt.Event, instances: InstanceLedger) -> tuple[int, Dataset | None]:
    """Instance Availability Notification (PS3.4 annex R): a study all of whose instances are here is complete."""
    try:
        notice = event.attribute_list
        study_uid = str(notice.StudyInstanceUID)
        sop_uids = [
            str(instance.ReferencedSOPInstanceUID)
            for series in notice.ReferencedSeriesSequence
            for instance in series.ReferencedSOPSequence
        ]
    except Exception:
        _LOG.warning("an instance availability notification cannot be read", exc_info=True)
        return StoreStatus.PROCESSING_FAILURE, None
    if not instances.announce_complete(study_uid, sop_uids):
        _LOG.info("a study was announced whose instances are not all here")
    return StoreStatus.SUCCESS, notice


def handle_message_end(event: evt.Event) -> None:
    """EVT_DIMSE_RECV: a message is whole, the next one's length counts from zero."""
    connection = event.assoc.dul.socket
    if isinstance(connection, GuardedSocket):
        connection.message_ends()
