"""The one door for instances, by whichever protocol: checked, on the disk, in the ledger, then acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from pacs_gateway.jobs.own_results import is_own_result
from pacs_gateway.storage.deliveries import DeliveryLedger
from pacs_gateway.storage.durable_file import write_durably
from pacs_gateway.storage.headers import InstanceHeader, read_header
from pacs_gateway.storage.instances import Instance, InstanceLedger
from pacs_gateway.storage.refusals import InstanceReference, InstanceRefusedError, StoreStatus
from pacs_gateway.storage.uids import path_part

INSTANCE_FOLDER = "studies"


@dataclass(frozen=True)
class Receipt:
    """`outcome`: stored; a duplicate of what is kept already; or a result of this gateway that came back."""

    outcome: Literal["stored", "duplicate", "own_result"]
    sop_uid: str
    sop_class_uid: str
    study_uid: str


class Intake:
    def __init__(
        self, root: Path, instances: InstanceLedger, deliveries: DeliveryLedger, *, max_instance_mb: int
    ) -> None:
        self._root = root
        self._instances = instances
        self._deliveries = deliveries
        self._max_bytes = max_instance_mb * 1_000_000

    def accept(self, content: bytes, sender: str, address: str, *, study_uid: str | None = None) -> Receipt:
        """Takes a whole DICOM file. When it returns, the instance would survive a power cut.

        `study_uid`: the study that it must belong to, where the request named one. Raises
        InstanceRefusedError; nothing is kept then.
        """
        if len(content) > self._max_bytes:
            raise InstanceRefusedError(StoreStatus.OUT_OF_RESOURCES, "the instance is too large")
        header = read_header(content, max_bytes=self._max_bytes)
        if study_uid not in (None, header.study_uid):
            what = "the instance is of another study"
            raise InstanceRefusedError(StoreStatus.DATA_SET_DOES_NOT_MATCH, what, header.reference)
        try:
            outcome = self._keep(header, content, sender, address)
        except (OSError, SQLAlchemyError) as error:
            what = "the instance cannot be written"
            raise InstanceRefusedError(StoreStatus.OUT_OF_RESOURCES, what, header.reference) from error
        return Receipt(outcome, header.sop_uid, header.sop_class_uid, header.study_uid)

    def _keep(
        self, header: InstanceHeader, content: bytes, sender: str, address: str
    ) -> Literal["stored", "duplicate", "own_result"]:
        if is_own_result(header) or self._deliveries.is_our_result(header.sop_uid):
            return "own_result"
        instance = self._instance(header, sender, address)
        known = self._instances.find(header.sop_uid)
        if known is not None and self._is_kept(*known, instance):
            return "duplicate"
        write_durably(self._root / instance.path, content, root=self._root)
        if known is not None:
            self._instances.keep_again(instance)
            return "duplicate"
        try:
            self._instances.add(instance)
        except IntegrityError:
            # The same UID came by two associations at once, and the other was faster.
            self._is_kept(*(self._instances.find(header.sop_uid) or (instance, True)), instance)
            return "duplicate"
        return "stored"

    def _is_kept(self, known: Instance, kept: bool, instance: Instance) -> bool:
        """Whether the known instance needs nothing; raises where it differs, since one of the two is wrong."""
        same = known.content_digest == instance.content_digest
        if not same or known.study_uid != instance.study_uid or known.series_uid != instance.series_uid:
            what = "another instance with this SOP Instance UID is here"
            reference = InstanceReference(instance.sop_class_uid, instance.sop_uid)
            raise InstanceRefusedError(StoreStatus.DATA_SET_DOES_NOT_MATCH, what, reference)
        self._instances.touch(instance.study_uid)
        return kept

    @staticmethod
    def _instance(header: InstanceHeader, sender: str, address: str) -> Instance:
        folder = f"{INSTANCE_FOLDER}/{path_part(header.study_uid)}/{path_part(header.series_uid)}"
        return Instance(
            sop_uid=header.sop_uid,
            study_uid=header.study_uid,
            series_uid=header.series_uid,
            sop_class_uid=header.sop_class_uid,
            content_digest=header.content_digest,
            # With the digest: two instances that claim one UID at the same moment never share a file.
            path=f"{folder}/{path_part(header.sop_uid)}-{header.content_digest[:16]}.dcm",
            sender=sender,
            address=address,
        )
