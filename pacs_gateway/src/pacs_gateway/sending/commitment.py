"""Storage commitment, push model (PS3.4 annex J): the destination says that it keeps what it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from pacs_gateway.routing.configuration import DimseDestination
from pacs_gateway.sending.association import associate
from pacs_gateway.sending.errors import DestinationUnavailableError, NothingAcceptedError

_REQUEST = 1
_SUCCESS = 0x0000
_UNKNOWN_TRANSACTION = 0x0115
_CANNOT_READ = 0x0110
# A destination may report in the association of the request; most open one to our node instead.
_WAIT_FOR_REPORT_S = 1.0

# Takes the transaction's UID and the SOP Instance UIDs that are not kept; False where nobody asked for it.
ReportCommitment = Callable[[str, list[str]], bool]


def request_commitment(
    destination: DimseDestination,
    references: Sequence[tuple[str, str]],
    transaction_uid: str,
    our_title: str,
    report: ReportCommitment,
) -> str:
    """Asks for commitment of these (SOP class, SOP instance) pairs; gives back why not, or nothing where it was asked.

    Raises DestinationUnavailableError, DeliveryRejectedError.
    """
    contexts = [build_context(StorageCommitmentPushModel)]
    handlers = [(evt.EVT_N_EVENT_REPORT, handle_commitment_report, [report])]
    try:
        with associate(destination, our_title, contexts, evt_handlers=handlers) as association:
            return _ask(destination, association, references, transaction_uid)
    except NothingAcceptedError:
        return "The destination offers no storage commitment."


def _ask(
    destination: DimseDestination,
    association: Association,
    references: Sequence[tuple[str, str]],
    transaction_uid: str,
) -> str:
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = [_reference(*reference) for reference in references]
    answer, _ = association.send_n_action(
        request, _REQUEST, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    if "Status" not in answer:
        what = "the association broke, or there was no answer in time"
        raise DestinationUnavailableError(destination.name, what, "Look at its log")
    if answer.Status != _SUCCESS:
        return f"The destination refuses to commit (status 0x{answer.Status:04X}); does it know our AE title?"
    until = time.monotonic() + _WAIT_FOR_REPORT_S
    while association.is_established and time.monotonic() < until:
        time.sleep(0.05)
    return ""


def handle_commitment_report(event: evt.Event, report: ReportCommitment) -> tuple[int, None]:
    """N-EVENT-REPORT: on the association of the request, or on one that the destination opens to our node."""
    try:
        information = event.event_information
        transaction_uid = str(information.TransactionUID)
        failed = [str(item.ReferencedSOPInstanceUID) for item in information.get("FailedSOPSequence", ())]
    except Exception:
        # pydicom raises whatever a damaged data set leads it to.
        return _CANNOT_READ, None
    return (_SUCCESS if report(transaction_uid, failed) else _UNKNOWN_TRANSACTION), None


def _reference(sop_class_uid: str, sop_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_uid
    return item
