"""The durable delivery of one revision's results to one destination.

Each destination has a queue of its own: one that is away holds up nobody else.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

from dbos import DBOS, DBOSConfiguredInstance, SetWorkflowID
from hunet_client.errors import UsageError

from pacs_gateway.audit import AuditLog
from pacs_gateway.jobs.job_ids import delivery_id
from pacs_gateway.jobs.outbox import clear_results
from pacs_gateway.jobs.retries import attempt, backing_off, reason_of
from pacs_gateway.routing.configuration import Configuration, Destination, DimseDestination
from pacs_gateway.routing.outputs import destinations_for
from pacs_gateway.sending.commitment import request_commitment
from pacs_gateway.sending.errors import DestinationUnavailableError
from pacs_gateway.sending.send import send_results
from pacs_gateway.storage.deliveries import Delivery, DeliveryState, Result
from pacs_gateway.storage.ledgers import Ledgers

_COMMITMENT = "commitment"
_MAX_RECOVERIES = 100
# How often results are sent anew when a destination says that it has not kept them.
_MAX_ROUNDS = 3

_LOG = logging.getLogger(__name__)


def delivery_queue(destination: str) -> str:
    return f"to-{destination}"


@DBOS.dbos_class()
class DeliveryJobs(DBOSConfiguredInstance):
    def __init__(self, configuration: Configuration, ledgers: Ledgers, audit: AuditLog) -> None:
        self._configuration = configuration
        self._ledgers = ledgers
        self._audit = audit
        self._root: Path = configuration.storage.root
        self._destinations: Mapping[str, Destination] = {one.name: one for one in configuration.destinations}
        super().__init__(config_name="gateway")

    def plan(self, study_uid: str, number: int) -> list[Delivery]:
        """Records a delivery for every destination that takes some of the results; without any the job is done."""
        revision = self._ledgers.revisions.get(study_uid, number)
        kinds = {result.kind for result in self._ledgers.deliveries.results(study_uid, number)}
        deliveries = [
            Delivery(
                study_uid=study_uid,
                number=number,
                destination=destination.name,
                state="waiting",
                reason="",
                workflow_id=delivery_id(revision, destination.name),
                transaction_uid=None,
            )
            for destination in destinations_for(self._configuration.destinations, revision.sender)
            if kinds.intersection(destination.outputs)
        ]
        self._ledgers.deliveries.plan(study_uid, number, deliveries)
        if not deliveries:
            clear_results(self._root, study_uid, number)
            self._ledgers.revisions.change(study_uid, number, state="done", reason="No destination takes its results.")
        return deliveries

    def enqueue(self, delivery: Delivery) -> None:
        """From within the study's job: the engine does it once."""
        with SetWorkflowID(delivery.workflow_id):
            queue = delivery_queue(delivery.destination)
            DBOS.enqueue_workflow(
                queue, self.deliver, delivery.study_uid, delivery.number, delivery.destination, delivery.workflow_id
            )

    @DBOS.workflow(max_recovery_attempts=_MAX_RECOVERIES)
    def deliver(self, study_uid: str, number: int, destination: str, workflow_id: str) -> None:
        try:
            state, reason = self._send_until_committed(study_uid, number, destination, workflow_id)
        except Exception as error:
            _LOG.warning("delivery of study %s to %s failed", study_uid, destination, exc_info=error)
            state, reason = "failed", reason_of(error)
        jobs = self._configuration.jobs
        outcome = destination, workflow_id, state, reason
        DBOS.run_step(backing_off(jobs, "record"), self._record, study_uid, number, *outcome)
        DBOS.run_step(backing_off(jobs, "finish"), self.finish_revision, study_uid, number)

    def _send_until_committed(
        self, study_uid: str, number: int, name: str, workflow_id: str
    ) -> tuple[DeliveryState, str]:
        jobs, destination = self._configuration.jobs, self._destinations.get(name)
        for round_number in range(1, _MAX_ROUNDS + 1):
            DBOS.run_step(backing_off(jobs, "send"), self._send, study_uid, number, name)
            if not isinstance(destination, DimseDestination) or not destination.commitment:
                return "sent", ""
            transaction_uid = _transaction_uid(workflow_id, round_number)
            why_not = DBOS.run_step(
                backing_off(jobs, "ask for commitment"),
                self._ask_for_commitment, study_uid, number, name, workflow_id, transaction_uid,
            )  # fmt: skip
            if why_not:
                return "sent", why_not
            report = DBOS.recv(f"{_COMMITMENT} {transaction_uid}", timeout_seconds=destination.commitment_timeout_s)
            if report is None:
                return "sent", "The destination's storage commitment report did not come."
            if not report["failed"]:
                return "committed", ""
        raise DestinationUnavailableError(name, "does not commit to keep the results", "Look at its log")

    def report_commitment(self, transaction_uid: str, failed: list[str]) -> bool:
        """The node received a storage commitment report; False where nobody here asked for it."""
        delivery = self._ledgers.deliveries.asking(transaction_uid)
        if delivery is None:
            return False
        # Nobody waits for it any more where it came too late, and the engine may have forgotten the job.
        if delivery.state == "waiting":
            DBOS.send(delivery.workflow_id, {"failed": failed}, f"{_COMMITMENT} {transaction_uid}")
        return True

    def _wanted(self, study_uid: str, number: int, name: str) -> tuple[Destination, list[Result]]:
        destination = self._destinations.get(name)
        if destination is None:
            raise UsageError(name, "is no longer among the destinations", "Configure it again, then retry the job")
        return destination, self._taken_by(study_uid, number, name)

    def _taken_by(self, study_uid: str, number: int, name: str) -> list[Result]:
        """The results that a destination takes; all of them where it is no longer configured."""
        results = self._ledgers.deliveries.results(study_uid, number)
        destination = self._destinations.get(name)
        return [result for result in results if destination is None or result.kind in destination.outputs]

    def _send(self, study_uid: str, number: int, name: str) -> None:
        destination, results = self._wanted(study_uid, number, name)
        files = [self._root / result.path for result in results]
        with attempt("send"):
            send_results(destination, files, self._configuration.node.ae_title)

    def _ask_for_commitment(
        self, study_uid: str, number: int, name: str, workflow_id: str, transaction_uid: str
    ) -> str:
        destination, results = self._wanted(study_uid, number, name)
        assert isinstance(destination, DimseDestination)
        # Before the request: its report may come at once.
        self._ledgers.deliveries.set_transaction(workflow_id, transaction_uid)
        references = [(result.sop_class_uid, result.sop_uid) for result in results]
        title = self._configuration.node.ae_title
        with attempt("ask for commitment"):
            return request_commitment(destination, references, transaction_uid, title, self.report_commitment)

    def _record(
        self, study_uid: str, number: int, destination: str, workflow_id: str, state: DeliveryState, reason: str
    ) -> None:
        self._ledgers.deliveries.finish(workflow_id, state, reason)
        results = self._taken_by(study_uid, number, destination)
        self._audit.write(
            "results " + state,
            study_uid=study_uid,
            revision=number,
            destination=destination,
            instances=[{"sop_uid": result.sop_uid, "kind": result.kind} for result in results],
            **({"reason": reason} if reason else {}),
        )

    def finish_revision(self, study_uid: str, number: int) -> None:
        """Ends the revision once its present attempt has deliveries and none of them is under way."""
        revisions = self._ledgers.revisions
        revision = revisions.get(study_uid, number)
        deliveries = [
            delivery
            for delivery in self._ledgers.deliveries.of_revision(study_uid, number)
            if delivery.workflow_id == delivery_id(revision, delivery.destination)
        ]
        if not deliveries or any(delivery.state == "waiting" for delivery in deliveries):
            return
        failed = [delivery for delivery in deliveries if delivery.state == "failed"]
        if failed:
            reason = " ".join(f"{delivery.destination}: {delivery.reason}" for delivery in failed)
            revisions.change(study_uid, number, state="failed", reason=reason)
            return
        revisions.change(study_uid, number, state="sent")
        clear_results(self._root, study_uid, number)
        revisions.change(study_uid, number, state="done")


def _transaction_uid(workflow_id: str, round_number: int) -> str:
    """A UID under the UUID-derived root 2.25 (PS3.5 B.2), the same whenever this round is repeated."""
    digest = hashlib.sha256(f"{workflow_id} {round_number}".encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
