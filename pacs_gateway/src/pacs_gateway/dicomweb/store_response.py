"""Store Instances Response Module (PS3.18 table I.1-1): what became of each instance of a request."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset

from pacs_gateway.storage.intake import Receipt
from pacs_gateway.storage.refusals import InstanceReference, InstanceRefusedError


def store_response(stored: Sequence[Receipt], refused: Sequence[InstanceRefusedError]) -> Dataset:
    """Retrieve URL, of type 2, is empty: the gateway has no retrieve service.

    A refused part that names no instance stands among the other failures.
    """
    answer = Dataset()
    answer.RetrieveURL = ""
    sequences = {
        "ReferencedSOPSequence": [_stored(receipt) for receipt in stored],
        "FailedSOPSequence": [_failed(error, error.instance) for error in refused if error.instance is not None],
        "OtherFailuresSequence": [_failure(error) for error in refused if error.instance is None],
    }
    for keyword, items in sequences.items():
        # Type 1C: a sequence without items is left out.
        if items:
            setattr(answer, keyword, items)
    return answer


def _stored(receipt: Receipt) -> Dataset:
    item = _reference(InstanceReference(receipt.sop_class_uid, receipt.sop_uid))
    item.RetrieveURL = ""
    return item


def _failed(error: InstanceRefusedError, instance: InstanceReference) -> Dataset:
    item = _reference(instance)
    item.update(_failure(error))
    return item


def _failure(error: InstanceRefusedError) -> Dataset:
    item = Dataset()
    item.FailureReason = int(error.status)
    return item


def _reference(instance: InstanceReference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = instance.sop_class_uid
    item.ReferencedSOPInstanceUID = instance.sop_uid
    return item
